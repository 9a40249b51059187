// How do the helpers of ./utils reject an argument?

import assert from 'node:assert/strict';

import { MonoCloudAuthBaseError, MonoCloudValidationError } from '@monocloud/backend-node';

/** The members of a `MonoCloudValidationError` that `assert.throws` and `assert.rejects` check. */
export function refusal(message, reason) {
  return (error) => {
    assert.ok(error instanceof MonoCloudValidationError, error);
    assert.ok(error instanceof MonoCloudAuthBaseError);
    assert.deepEqual([error.name, error.message, error.reason], ['MonoCloudValidationError', message, reason]);
    return true;
  };
}
