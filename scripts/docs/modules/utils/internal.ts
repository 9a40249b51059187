export * from '../../../../npm/internal.js';
