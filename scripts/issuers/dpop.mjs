// Is a token that a real server binds to a DPoP key (RFC 9449 §5) accepted only with a proof of this key?

import assert from 'node:assert/strict';

import { credentials, freshKey, proofOf } from '../../__test__/support/dpop.mjs';
import { MonoCloudBackendNodeClient, protectApi } from '../../npm/web.mjs';

const URL_OF_API = 'https://api.example.com/';

/** A check for `checks` of a server. `obtain(key)` returns a token that is bound to the key. */
export function dpopCheck({ format, options, obtain }) {
  return {
    column: 'dpop',
    name: `DPoP, ${format}: a bound token is accepted only with a proof of its key`,
    async run() {
      const guard = protectApi(new MonoCloudBackendNodeClient(options))();
      const [key, other] = [await freshKey(), await freshKey()];
      const token = await obtain(key);
      const statusOf = async (headers) => {
        const answer = await guard(new Request(URL_OF_API, { headers }));
        return answer instanceof Response ? answer.status : 200;
      };
      const proof = proofOf({ key, url: URL_OF_API, token });
      assert.equal(await statusOf(credentials(token, proof)), 200, 'with a proof');
      assert.equal(await statusOf(credentials(token, proof)), 401, 'with the same proof again');
      const wrong = proofOf({ key: other, url: URL_OF_API, token });
      assert.equal(await statusOf(credentials(token, wrong)), 401, 'with a proof of another key');
      assert.equal(await statusOf({ authorization: `DPoP ${token}` }), 401, 'without a proof');
      assert.equal(await statusOf({ authorization: `Bearer ${token}` }), 401, 'as a bearer token');
    },
  };
}
