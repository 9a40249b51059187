import cjs from './cache.js';

export const {
  layeredCache,
  memoryCache,
  memoryRevocationStore,
  redisCache,
  redisReplayStore,
  redisRevocationStore,
} = cjs;
