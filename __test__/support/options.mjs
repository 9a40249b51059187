// How does a test give a client one bad option, in code or in the environment, and how is it refused?

import assert from 'node:assert/strict';

import { MonoCloudAuthBaseError, MonoCloudValidationError } from '@monocloud/backend-node';

import { AUDIENCE, ISSUER } from './offline.mjs';

/** The prefix of every environment variable. */
export const PREFIX = 'MONOCLOUD_BACKEND_';
/** Part of every wrong text. No message contains it. */
export const CANARY = 'canary-7f3a';
/** The options that every client needs. */
export const GOOD = { tenantDomain: ISSUER, audience: AUDIENCE };

/** Sets variables by their names without the prefix, and removes them after the test. */
export function environment(t, variables) {
  for (const [name, value] of Object.entries(variables)) process.env[PREFIX + name] = value;
  t.after(() => Object.keys(variables).forEach((name) => delete process.env[PREFIX + name]));
}

/** An options object that sets one value; the name may contain a dot. */
export function giving(name, value) {
  const [outer, inner] = name.split('.');
  return { ...GOOD, [outer]: inner === undefined ? value : { [inner]: value } };
}

/** For `assert.throws`: the error names the option and its variable, and not the value. */
export function bad(option, variable) {
  return (error) => {
    assert.ok(error instanceof MonoCloudValidationError && error instanceof MonoCloudAuthBaseError, error);
    assert.equal(error.reason, 'option_invalid');
    assert.ok(error.message.endsWith(`(option ${option}, environment variable ${PREFIX}${variable})`), error.message);
    assert.ok(!error.message.includes('canary'), error.message);
    return true;
  };
}
