export * from '../../../npm/certificates.js';
