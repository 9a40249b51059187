export * from '../../../npm/utils.js';
