export * from '../../../npm/cache.js';
