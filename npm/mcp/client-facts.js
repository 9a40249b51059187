'use strict';

/** What does the metadata of a resource say about its client? A client of several issuers counts as all its configured ones. */

/** @import { ValidatorType } from '../client/validate.js' */
/**
 * @typedef {object} ClientFacts
 * @property {string} [publicUrl] The first public URL as it was written.
 * @property {readonly (string | undefined)[]} audiences
 * @property {() => string[]} issuers The names as the metadata of the issuers has them.
 * @property {string} dpopMode
 * @property {Pick<ValidatorType['dpopFacts'], 'algorithms' | 'isAnnounced'>} dpopFacts
 * @property {boolean} hasSeveralIssuers
 */

const { anyValidatorOf } = require('../client/client.js');
const { anyDirectoryOf } = require('../client/multi-issuer.js');

/**
 * Returns `undefined` for a client of another kind, and for one that has no configured clients.
 *
 * @param {unknown} client
 * @returns {ClientFacts | undefined}
 */
function clientFacts(client) {
  const directory = anyDirectoryOf(client);
  const validators = directory?.issuers.map(({ validator }) => validator) ?? validatorsOf(client);
  if (validators.length === 0) return undefined;
  const hasSeveralIssuers = directory !== undefined;
  const { dpopMode, dpopFacts } = hasSeveralIssuers
    ? require('../protect/issuers.js').factsOf(validators)
    : factsOfOne(validators[0]);
  return {
    publicUrl: validators.find(({ publicUrl }) => publicUrl !== undefined)?.publicUrl,
    audiences: validators.flatMap(({ audiences }) => audiences),
    issuers: () => validators.map(({ issuer }) => issuer),
    dpopMode: dpopMode({ dpop: undefined }),
    dpopFacts,
    hasSeveralIssuers,
  };
}

/** @param {unknown} client */
function validatorsOf(client) {
  const validator = anyValidatorOf(client);
  return validator === undefined ? [] : [validator];
}

/** @param {ValidatorType} validator */
function factsOfOne(validator) {
  /** @param {Parameters<ValidatorType['dpopMode']>[0]} policy */
  const dpopMode = (policy) => validator.dpopMode(policy);
  return { dpopMode, dpopFacts: validator.dpopFacts };
}

module.exports = { clientFacts };
