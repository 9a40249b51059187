import cjs from './observability.js';

export const {
  log,
  metrics,
  prometheus,
  trace,
} = cjs;
