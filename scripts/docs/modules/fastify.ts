export * from '../../../npm/fastify.js';
