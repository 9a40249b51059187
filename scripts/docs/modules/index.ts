export * from '../../../index.js';
