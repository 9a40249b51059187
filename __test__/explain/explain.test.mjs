/** `client.explain()`: the rules that a token passes, the one that it fails, with both values, and nothing secret. */
import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { describe, it } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient } from '../../npm/index.mjs';
import { memoryRevocationStore } from '../../npm/cache.mjs';
import { createTestIssuer } from '../../npm/testing.mjs';

const URL_OF_API = 'https://api.example.com/orders?secret=1';

const issuer = createTestIssuer();
const client = new MonoCloudBackendNodeClient(issuer.options);

const outcomesOf = ({ rules }) => Object.fromEntries(rules.map(({ rule, outcome }) => [rule, outcome]));
const failedOf = ({ rules }) => rules.filter(({ outcome }) => outcome === 'failed');
const ruleOf = ({ rules }, name) => rules.find(({ rule }) => rule === name);

/** Nothing that could be used as a credential is in an explanation. */
function assertHarmless(explanation, ...secrets) {
  const text = JSON.stringify(explanation);
  for (const secret of secrets.flatMap((one) => [one, ...one.split('.').filter((part) => part.length > 16)])) {
    assert.ok(!text.includes(secret), 'a token, a signature or a proof is shown');
  }
}

describe('an explanation', () => {
  it('of an accepted JWT has every rule passed, with the value and what it is compared with', async () => {
    const token = issuer.token({ scope: 'a b' });
    const explanation = await client.explain(token, { scopes: ['a'] });
    assert.equal(explanation.decision, 'accepted');
    assert.equal(explanation.kind, 'jwt');
    assert.equal('reason' in explanation, false);
    assert.deepEqual([...new Set(Object.values(outcomesOf(explanation)))], ['passed']);
    const { received, expected } = ruleOf(explanation, 'audience');
    assert.deepEqual([received, expected], [issuer.audience, [issuer.audience]]);
    const scopes = ruleOf(explanation, 'scopes');
    assert.deepEqual([scopes.received, scopes.expected], ['a b', ['a']]);
    assertHarmless(explanation, token);
  });

  const reasons = [
    ['expired', 'expiry'],
    ['audience_mismatch', 'audience'],
    ['issuer_mismatch', 'issuer'],
    ['signature_invalid', 'signature'],
    ['key_not_found', 'key'],
    ['algorithm_not_allowed', 'algorithm'],
    ['token_malformed', 'form'],
    ['claims_invalid', 'claims'],
    ['inactive', 'active'],
  ];
  for (const [reason, rule] of reasons) {
    it(`of a token that is refused for ${reason} has the rule ${rule} failed, and nothing after it reached`, async () => {
      const token = issuer.bad(reason);
      const explanation = await client.explain(token);
      assert.equal(explanation.decision, 'refused');
      assert.equal(explanation.reason, reason);
      const failed = failedOf(explanation);
      assert.deepEqual(
        failed.map((one) => [one.rule, one.reason]),
        [[rule, reason]],
      );
      assert.ok(failed[0].fix.length > 10);
      const place = explanation.rules.indexOf(failed[0]);
      const outcomes = explanation.rules.map(({ outcome }) => outcome);
      assert.ok(outcomes.slice(0, place).every((outcome) => outcome === 'passed'));
      assert.ok(outcomes.slice(place + 1).every((outcome) => outcome === 'not_reached'));
      assert.ok(explanation.rules.slice(place + 1).every((one) => !('received' in one) && !('expected' in one)));
      const error = await client.validateAccessToken(token).catch((thrown) => thrown);
      assert.deepEqual([error.reason, error.message], [reason, explanation.message]);
      if (token.length > 40) assertHarmless(explanation, token);
    });
  }

  it('of a value that is no string is one of a missing token', async () => {
    for (const token of [undefined, null, 1, '', ' ']) {
      const explanation = await client.explain(token);
      assert.deepEqual([explanation.decision, explanation.reason], ['refused', 'token_required']);
    }
  });

  it('of an opaque token names the claims of the response, also if one of them is the reason', async () => {
    const good = await client.explain(issuer.opaque({ scope: 'a' }));
    assert.deepEqual([good.decision, good.kind], ['accepted', 'opaque']);
    const token = issuer.opaque({ aud: 'https://other.test' });
    const explanation = await client.explain(token);
    assert.equal(explanation.reason, 'audience_mismatch');
    assert.equal(ruleOf(explanation, 'audience').received, 'https://other.test');
    assertHarmless(explanation, token);
  });

  it('compares with the options of the call, not only with those of the client', async () => {
    const several = new MonoCloudBackendNodeClient({ ...issuer.options, audience: [issuer.audience, 'other'] });
    const explanation = await several.explain(issuer.token(), { audience: ['other'] });
    assert.equal(explanation.reason, 'audience_mismatch');
    assert.deepEqual(ruleOf(explanation, 'audience').expected, ['other']);
    const step = await client.explain(issuer.token({ acr: 'silver' }), { acr: ['gold'], maxAge: 60 });
    assert.deepEqual(failedOf(step)[0].expected, { acr: ['gold'], maxAge: 60 });
    const rules = await client.explain(issuer.token(), { claims: { tenant: 'acme' } });
    assert.equal(failedOf(rules)[0].rule, 'claims rules');
  });

  it('of an outage is undecided, with a reason and a fix, and no rule reached', async () => {
    const down = createTestIssuer();
    down.outage('refused');
    const explanation = await new MonoCloudBackendNodeClient(down.options).explain(down.token());
    assert.equal(explanation.decision, 'undecided');
    assert.ok(explanation.reason && explanation.fix && explanation.message);
    assert.deepEqual([...new Set(Object.values(outcomesOf(explanation)))], ['not_reached']);
  });

  it('of a revoked token has the rule revocation, which only a client with a revocation store has', async () => {
    const store = memoryRevocationStore();
    const watched = new MonoCloudBackendNodeClient({ ...issuer.options, revocation: { store } });
    const token = issuer.token({ sub: 'mallory' });
    const good = await watched.explain(token);
    assert.equal(good.decision, 'accepted');
    assert.equal(ruleOf(good, 'revocation').outcome, 'passed');
    assert.equal(ruleOf(await client.explain(token), 'revocation'), undefined);
    await store.revoke({ issuer: issuer.issuer, kind: 'sub', value: 'mallory' });
    const explanation = await watched.explain(token);
    assert.deepEqual([explanation.decision, failedOf(explanation)[0]?.rule], ['refused', 'revocation']);
  });

  it('rejects options that validateAccessToken rejects', async () => {
    await assert.rejects(client.explain(issuer.token(), { scope: ['a'] }), {
      reason: 'argument_invalid',
      message: /explain\(\)/,
    });
  });

  it('is of the methods that a subclass overrides', async () => {
    class Strict extends MonoCloudBackendNodeClient {
      async validateJwtAccessToken(token, options) {
        const claims = await super.validateJwtAccessToken(token, options);
        return { ...claims, aud: 'changed' };
      }
    }
    const explanation = await new Strict(issuer.options).explain(issuer.token());
    assert.equal(explanation.reason, 'audience_mismatch');
  });

  it('publishes no decision', async () => {
    const seen = [];
    const note = (message) => seen.push(message);
    const channels = ['validated', 'refused'].map((name) => diagnostics.channel(`monocloud:backend:${name}`));
    channels.forEach((channel) => channel.subscribe(note));
    await client.explain(issuer.token());
    await client.explain(issuer.bad('expired'));
    channels.forEach((channel) => channel.unsubscribe(note));
    assert.deepEqual(seen, []);
  });
});

describe('an explanation with a DPoP proof', () => {
  const holder = issuer.dpop();
  const present = (token, method = 'GET') => {
    const { dpop: proof } = holder.headers({ method, url: URL_OF_API, token });
    return { scheme: 'dpop', dpop: { proof, method: 'GET', url: URL_OF_API } };
  };

  it('does not use the proof up: it is accepted afterwards, once, and no replay store is asked before', async () => {
    const asked = [];
    const replayStore = { add: (id) => asked.push(id) > 0 };
    const shared = new MonoCloudBackendNodeClient({ ...issuer.options, dpop: { replayStore } });
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const options = present(token);
    for (const _ of [1, 2]) {
      const explanation = await shared.explain(token, options);
      assert.equal(explanation.decision, 'accepted');
      assert.equal(ruleOf(explanation, 'proof use').outcome, 'passed');
      assertHarmless(explanation, token, options.dpop.proof);
    }
    assert.deepEqual(asked, []);
    await shared.validateAccessToken(token, options);
    assert.equal(asked.length, 1);
    const replayed = await shared.explain(token, options);
    assert.deepEqual([replayed.reason, failedOf(replayed)[0].rule], ['dpop_replayed', 'proof use']);
  });

  it('of another method shows both, and the URL without its query', async () => {
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const explanation = await client.explain(token, present(token, 'PUT'));
    const [failed] = failedOf(explanation);
    assert.deepEqual([failed.rule, failed.received, failed.expected], ['proof method', 'PUT', 'GET']);
    assert.ok(!JSON.stringify(explanation).includes('secret=1'));
  });

  it('of an opaque token does not use the proof up either', async () => {
    const token = issuer.opaque({ cnf: { jkt: holder.jkt } });
    const options = present(token);
    assert.equal((await client.explain(token, options)).decision, 'accepted');
    assert.equal((await client.explain(token, options)).decision, 'accepted');
    await client.validateAccessToken(token, options);
  });
});

describe('an explanation of a client for several issuers', () => {
  const several = new MonoCloudMultiIssuerClient({ clients: [client] });

  it('is that of the chosen client', async () => {
    const explanation = await several.explain(issuer.bad('expired'));
    assert.deepEqual([explanation.reason, failedOf(explanation)[0].rule], ['expired', 'expiry']);
    assert.equal((await several.explain(issuer.token(), { issuers: [issuer.issuer] })).decision, 'accepted');
  });

  it('of a token that no client is chosen for has the rule that failed, and no other', async () => {
    const explanation = await several.explain(issuer.token({ iss: 'https://evil.test' }));
    assert.deepEqual([explanation.decision, explanation.reason], ['refused', 'issuer_mismatch']);
    assert.deepEqual(outcomesOf(explanation), { issuer: 'failed' });
  });
});
