export * from '../../../npm/express.js';
