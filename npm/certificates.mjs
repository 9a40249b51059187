import cjs from './certificates.js';

export const {
  fromAlb,
  fromClientCert,
  fromHeader,
  fromSocket,
  fromXfcc,
} = cjs;
