// What holds where a client of several issuers meets custom methods, DPoP and responses without `iss`?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/node';
import { createTestIssuer } from '@monocloud/backend-node/testing';

const issuer = createTestIssuer();
const severalWith = (opaque) => new MonoCloudMultiIssuerClient({ clients: [], opaque });
const requestWith = (headers) => ({ method: 'GET', url: '/', headers: { host: 'api.test', ...headers } });

test('a DPoP token for a spied validateAccessToken is refused with 401, also with issuers', async () => {
  const clients = [new MonoCloudBackendNodeClient(issuer.options)];
  const multi = new MonoCloudMultiIssuerClient({ clients });
  const early = protectApi(multi, { issuers: () => undefined })();
  multi.validateAccessToken = async () => ({ sub: 'anyone' });
  const late = protectApi(multi, { issuers: () => undefined })();
  const holder = issuer.dpop();
  const token = issuer.token({ cnf: { jkt: holder.jkt } });
  for (const guard of [early, late]) {
    const headers = holder.headers({ method: 'GET', url: 'http://api.test/', token });
    assert.equal((await guard(requestWith(headers))).status, 401);
  }
});

test('claims whose iss is null or cannot be set have the issuer of the client, for authorize too', async () => {
  const plain = () => issuer.opaque({ iss: null });
  const custom = new MonoCloudBackendNodeClient(issuer.options);
  custom.introspectAccessToken = async () => Object.freeze({ aud: issuer.audience, sub: 'user' });
  for (const client of [new MonoCloudBackendNodeClient(issuer.options), custom]) {
    const multi = severalWith(client);
    assert.equal((await multi.validateAccessToken(plain())).iss, issuer.issuer);
    const seen = [];
    const guard = protectApi(multi)({ authorize: ({ iss }) => seen.push(iss) === 1 });
    const { claims } = await guard(requestWith({ authorization: `Bearer ${plain()}` }));
    assert.deepEqual([claims.iss, seen], [issuer.issuer, [issuer.issuer]]);
  }
});
