import cjs from './cache.js';

export const {
  memoryCache,
  redisCache,
  redisReplayStore,
} = cjs;
