// What is a refusal of the helpers in ./utils?

import assert from 'node:assert/strict';

import { MonoCloudAuthBaseError, MonoCloudValidationError } from '@monocloud/backend-node';

/** What `assert.throws` and `assert.rejects` are to see of a `MonoCloudValidationError`. */
export function refusal(message, reason) {
  return (error) => {
    assert.ok(error instanceof MonoCloudValidationError, error);
    assert.ok(error instanceof MonoCloudAuthBaseError);
    assert.deepEqual([error.name, error.message, error.reason], ['MonoCloudValidationError', message, reason]);
    return true;
  };
}
