// Which authorities does the engine trust, which certificate does it present, and which reason does each fault have?
//
// The engine's own HTTP client talks to real TLS servers, with a public key infrastructure made for the run. Every
// failure is a MonoCloudHttpError.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { runScript } from '../support/child.mjs';
import { get, open } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';

const http = (reason) => failure('MonoCloudHttpError', reason, { status: undefined, raw: undefined });

let pki;
let folder;
before(async () => {
  pki = await createPki();
  folder = await mkdtemp(join(tmpdir(), 'monocloud-tls-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs `use` with an HTTPS issuer of these TLS options. */
async function withIssuer(tls, use) {
  const issuer = await startIssuer({ tls });
  try {
    return await use(issuer);
  } finally {
    await issuer.close();
  }
}

const trusting = (issuer, options) => backend(issuer, { certificateAuthorities: pki.ca.pem, ...options });

async function file(name, text) {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('a certificate', () => {
  for (const [what, issue, reason] of [
    ['an unknown authority', () => pki.otherCa.server(), 'tls_unknown_authority'],
    ['another host', () => pki.server({ hosts: ['elsewhere.example', '127.0.0.1'] }), 'tls_wrong_host'],
    ['yesterday', () => pki.server({ expired: true }), 'tls_certificate_expired'],
    ['tomorrow', () => pki.server({ notBefore: new Date(Date.now() + 86_400_000) }), 'tls_certificate_expired'],
  ]) {
    test(`of ${what} is ${reason}, for keys and for introspection`, async () => {
      await withIssuer(await issue(), async (issuer) => {
        const client = trusting(issuer, ANY_CLIENT);
        await assert.rejects(client.validateAccessToken(issuer.sign()), http(reason));
        await assert.rejects(client.validateAccessToken(issuer.opaque()), http(reason));
        assert.deepEqual(issuer.counts, {});
      });
    });
  }

  test('of a known authority, for this host and now, is accepted', async () => {
    await withIssuer(await pki.server(), async (issuer) => {
      const client = trusting(issuer, ANY_CLIENT);
      assert.ok(await client.validateAccessToken(issuer.sign()));
      assert.ok(await client.validateAccessToken(issuer.opaque()));
    });
  });
});

describe('an issuer that cannot be reached', () => {
  test('because nothing listens there is connection_refused', async () => {
    await withIssuer(await pki.server(), async (issuer) => {
      await issuer.down();
      await assert.rejects(trusting(issuer).validateAccessToken(issuer.sign()), http('connection_refused'));
      await assert.rejects(trusting(issuer).getMetadata(), http('connection_refused'));
    });
  });

  test('because its name does not exist is host_not_found', async () => {
    // A label of 64 octets is too long (RFC 1035 §2.3.4), so no resolver asks the network about it.
    const issuer = `http://${'a'.repeat(64)}.localhost`;
    await assert.rejects(backend({ issuer }).getJwks(), http('host_not_found'));
  });

  for (const [what, answer, reason] of [
    ['does not shake hands', () => {}, 'timed_out'],
    ['does not speak TLS', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'tls_failed'],
  ]) {
    test(`because it ${what} is ${reason}`, async () => {
      const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.resume();
        answer(socket);
      });
      const sockets = new Set();
      server.on('connection', (socket) => sockets.add(socket));
      await open(server, { port: 0, host: 'localhost' });
      try {
        const issuer = `https://localhost:${server.address().port}`;
        await assert.rejects(backend({ issuer }, { responseTimeout: 1000 }).getJwks(), http(reason));
      } finally {
        sockets.forEach((socket) => socket.destroy());
        await new Promise((resolve) => {
          server.close(resolve);
        });
      }
    });
  }

  test('because it does not answer within responseTimeout is timed_out', async () => {
    await withIssuer(await pki.server(), async (issuer) => {
      issuer.respond('/.well-known/openid-configuration', () => undefined);
      await assert.rejects(trusting(issuer, { responseTimeout: 1000 }).getMetadata(), http('timed_out'));
    });
  });
});

describe('a TLS version', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    test(`a server with only ${version} is accepted`, async () => {
      const tls = { ...(await pki.server()), minVersion: version, maxVersion: version };
      await withIssuer(tls, async (issuer) => assert.ok(await trusting(issuer).validateAccessToken(issuer.sign())));
    });
  }

  for (const version of ['TLSv1', 'TLSv1.1']) {
    test(`a server with only ${version} is tls_failed`, async (context) => {
      const ciphers = 'DEFAULT:@SECLEVEL=0';
      const tls = { ...(await pki.server()), minVersion: version, maxVersion: version, ciphers };
      await withIssuer(tls, async (issuer) => {
        const options = { ca: pki.ca.pem, minVersion: version, ciphers };
        const works = await get(`${issuer.issuer}/jwks`, options).then(
          () => true,
          () => false,
        );
        if (!works) return context.skip(`this Node does not speak ${version}`);
        await assert.rejects(trusting(issuer).getJwks(), http('tls_failed'));
      });
    });
  }
});

describe('the client certificate', () => {
  let issuer;
  let pair;
  before(async () => {
    issuer = await startIssuer({
      tls: { ...(await pki.server()), ca: pki.ca.pem, requestCert: true, rejectUnauthorized: false },
    });
    pair = await pki.client({ commonName: 'api' });
  });
  after(() => issuer?.close());

  /** The thumbprints that introspection and discovery received, by path. */
  async function presented(options) {
    const seen = {};
    for (const path of ['/introspect', '/jwks']) {
      issuer.respond(path, ({ socket }) => {
        seen[path] = socket.getPeerX509Certificate()?.fingerprint256;
        return path === '/jwks' ? { body: issuer.jwks } : { body: { active: true, ...issuer.claims() } };
      });
    }
    const client = trusting(issuer, { clientId: 'api', ...options });
    await client.validateAccessToken('opaque-token');
    await client.getJwks(true);
    return seen;
  }

  const given = async (form) => {
    if (form === 'text') return { clientCertificate: pair.cert, clientCertificateKey: pair.key };
    return {
      clientCertificate: await file('client.pem', pair.cert),
      clientCertificateKey: await file('client.key', pair.key),
    };
  };
  const thumbprint = () => new X509Certificate(pair.cert).fingerprint256;

  for (const form of ['text', 'file']) {
    for (const clientAuthMethod of ['tls_client_auth', 'self_signed_tls_client_auth', 'spiffe_x509']) {
      test(`of ${clientAuthMethod}, a ${form}, is presented at introspection and nowhere else`, async () => {
        const seen = await presented({ clientAuthMethod, ...(await given(form)) });
        assert.deepEqual(seen, { '/introspect': thumbprint(), '/jwks': undefined });
      });
    }
  }

  test('of another method is not presented', async () => {
    const seen = await presented({ clientSecret: 'secret', ...(await given('text')) });
    assert.deepEqual(seen, { '/introspect': undefined, '/jwks': undefined });
  });

  test('needs its own key: any other is refused by the constructor', async () => {
    const { key } = await pki.client({ commonName: 'other' });
    for (const options of [
      { clientCertificate: pair.cert, clientCertificateKey: key },
      { clientCertificate: pair.cert },
      { clientCertificateKey: pair.key },
      { clientCertificate: 'no such file', clientCertificateKey: pair.key },
    ]) {
      assert.throws(() => trusting(issuer, options), {
        name: 'MonoCloudValidationError',
        message: /clientCertificate/,
      });
    }
  });
});

describe('authorities', () => {
  /** The result of a process with this environment: `accepted`, or the reason. */
  const ask = (issuer, options, env) =>
    runScript(
      `import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
       const client = new MonoCloudBackendNodeClient(${JSON.stringify({ tenantDomain: issuer.issuer, audience: AUDIENCE, ...options })});
       const outcome = await client.getJwks().then(() => 'accepted', (error) => error.reason);
       console.log(JSON.stringify(outcome));`,
      env,
    );

  const NONE = 'tls_unknown_authority';
  for (const [what, variable, name, make, expected] of [
    ['the system', 'NO_COLOR', undefined, () => '', NONE],
    ['NODE_EXTRA_CA_CERTS', 'NODE_EXTRA_CA_CERTS', 'ca.pem', () => pki.ca.pem, 'accepted'],
    [
      'NODE_EXTRA_CA_CERTS of several',
      'NODE_EXTRA_CA_CERTS',
      'all.pem',
      () => pki.otherCa.pem + pki.ca.pem,
      'accepted',
    ],
    ['NODE_EXTRA_CA_CERTS of another', 'NODE_EXTRA_CA_CERTS', 'other.pem', () => pki.otherCa.pem, NONE],
    ['NODE_EXTRA_CA_CERTS that holds none', 'NODE_EXTRA_CA_CERTS', 'none.pem', () => 'nothing', NONE],
    ['SSL_CERT_FILE', 'SSL_CERT_FILE', 'ca.pem', () => pki.ca.pem, 'accepted'],
    ['SSL_CERT_FILE of another', 'SSL_CERT_FILE', 'other.pem', () => pki.otherCa.pem, NONE],
    ['the variable', 'MONOCLOUD_BACKEND_CERTIFICATE_AUTHORITIES', 'ca.pem', () => pki.ca.pem, 'accepted'],
  ]) {
    test(`of ${what} make the issuer ${expected}`, async () => {
      await withIssuer(await pki.server(), async (issuer) => {
        assert.equal(await ask(issuer, {}, { [variable]: name ? await file(name, make()) : '' }), expected);
      });
    });
  }

  test('of NODE_EXTRA_CA_CERTS without a file are those of the system', async () => {
    await withIssuer(await pki.server(), async (issuer) => {
      assert.equal(await ask(issuer, {}, { NODE_EXTRA_CA_CERTS: join(folder, 'no-such.pem') }), NONE);
    });
  });

  test('certificateAuthorities are the only ones', async () => {
    await withIssuer(await pki.server(), async (issuer) => {
      const env = { NODE_EXTRA_CA_CERTS: await file('ca.pem', pki.ca.pem) };
      assert.equal(await ask(issuer, { certificateAuthorities: pki.otherCa.pem }, env), 'tls_unknown_authority');
      assert.equal(await ask(issuer, { certificateAuthorities: pki.ca.pem }, {}), 'accepted');
    });
  });

  test('certificateAuthorities without a certificate are refused by the constructor', async () => {
    for (const certificateAuthorities of ['no such file', await file('empty.pem', ''), '-----BEGIN CERTIFICATE-----']) {
      assert.throws(() => backend({ issuer: 'https://a.example' }, { certificateAuthorities }), {
        name: 'MonoCloudValidationError',
        message: /^certificateAuthorities/,
      });
    }
  });
});
