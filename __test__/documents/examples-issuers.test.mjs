/** Does the example with several tenants work? It is started as its README says, with issuers of this process. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { startExample } from '../examples/run.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

let issuers;
before(async () => {
  issuers = await Promise.all(['own', 'tenant-a', 'tenant-b'].map((keys) => startIssuer({ keys })));
});
after(() => Promise.all(issuers.map((issuer) => issuer.close())));

describe('several-issuers', () => {
  it('accepts a tenant’s token on its own host, and the tokens of the own tenant everywhere', async () => {
    const [own, a, b] = issuers;
    const env = { TENANTS: JSON.stringify({ 'a.localhost': a.issuer, 'b.localhost': b.issuer }) };
    const example = await startExample('several-issuers', {
      variables: { TENANT_DOMAIN: own.issuer, AUDIENCE },
      env,
    });
    try {
      const ask = async (host, issuer) => {
        const { status, body } = await get(`${example.url}/api/me`, { token: issuer.sign(), headers: { host } });
        return status === 200 ? JSON.parse(body.user)[0] : status;
      };
      assert.equal(await ask('a.localhost', a), a.issuer);
      assert.equal(await ask('b.localhost', b), b.issuer);
      for (const host of ['a.localhost', 'b.localhost', 'c.localhost']) assert.equal(await ask(host, own), own.issuer);
      assert.equal(await ask('b.localhost', a), 401);
      assert.equal(await ask('a.localhost', b), 401);
      assert.equal(await ask('c.localhost', a), 401);
      const { ready } = (await get(`${example.url}/ready`)).body;
      assert.deepEqual(ready, { [own.issuer]: true, [a.issuer]: true, [b.issuer]: true });
    } finally {
      await example.close();
    }
  });
});
