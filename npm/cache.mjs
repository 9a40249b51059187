import cjs from './cache.js';

export const {
  memoryCache,
  memoryRevocationStore,
  redisCache,
  redisReplayStore,
  redisRevocationStore,
} = cjs;
