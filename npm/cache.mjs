import cjs from './cache.js';

export const {
  layeredCache,
  memoryCache,
  redisCache,
  redisReplayStore,
} = cjs;
