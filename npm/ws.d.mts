export * from './ws.js';
