// What does log() write, how much at most, and what happens if the logger fails?

import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { log, metrics, prometheus, trace } from '@monocloud/backend-node/observability';
import { createTestIssuer } from '@monocloud/backend-node/testing';
import pino from 'pino';

import { rejected } from './hear.mjs';

const issuer = createTestIssuer();
const client = new MonoCloudBackendNodeClient({ ...issuer.options, diagnostics: 'values' });

/** A logger of pino, and the lines that it wrote. */
function pinoLogger() {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return {
    logger: pino({ level: 'debug' }, stream),
    lines: () =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  };
}

/** A logger that keeps what it is given. */
function memoryLogger() {
  const lines = [];
  const level =
    (name) =>
    (...values) =>
      lines.push([name, ...values]);
  return { lines, debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
}

const refuse = (members) =>
  channel('monocloud:backend:refused').publish({ reason: 'expired', status: 401, ...members });

describe('a line', () => {
  test('of pino has the reason and the members', async () => {
    const { logger, lines } = pinoLogger();
    const end = log(logger);
    await rejected(client.validateAccessToken(issuer.bad('expired')));
    end();
    const [{ msg, level, reason, status, kind, member }, ...more] = lines();
    assert.deepEqual(
      [msg, level, reason, status, kind, member],
      ['access token rejected', 30, 'expired', 401, 'jwt', 'exp'],
    );
    assert.deepEqual(more, []);
  });

  test('of any other logger has the text first; the level is chosen, and an outage is a warning', () => {
    const logger = memoryLogger();
    const end = log(logger, { refusedLevel: 'warn' });
    refuse();
    end();
    const quiet = log(logger);
    refuse();
    refuse({ reason: 'timed_out', status: 503 });
    channel('monocloud:backend:keys.refresh_failed').publish({ reason: 'timed_out' });
    quiet();
    assert.deepEqual(
      logger.lines.map(([level, text, { reason }]) => [level, text, reason]),
      [
        ['warn', 'access token rejected', 'expired'],
        ['info', 'access token rejected', 'expired'],
        ['warn', 'access token rejected', 'timed_out'],
        ['warn', 'the signing keys could not be fetched', 'timed_out'],
      ],
    );
  });

  test('of an accepted token is written for one of `sample`', async () => {
    const logger = memoryLogger();
    const end = log(logger, { sample: 3 });
    for (let i = 0; i < 7; i += 1) await client.validateAccessToken(issuer.token());
    end();
    assert.deepEqual(
      logger.lines.map(([level]) => level),
      ['debug', 'debug'],
    );
  });

  test('has no character that starts a line or changes a terminal, whoever wrote it', async () => {
    const corpus = [
      '\n',
      '\r\n[INFO] ok',
      '\u001b[31m',
      '\u009b2J',
      '\u2028',
      '\u202e',
      '\u0000',
      '\u200b',
      'x'.repeat(9999),
      '{"level":50}',
      '%s%s%n',
    ];
    const { logger, lines } = pinoLogger();
    const plain = memoryLogger();
    const ends = [log(logger), log(plain)];
    for (const text of corpus) {
      await rejected(client.validateAccessToken(issuer.token({ aud: `a${text}` })));
      refuse({ issuer: text, audience: text, kid: text, route: text, received: text, scheme: text, extra: text });
    }
    for (const end of ends) end();
    for (const [, text, members] of plain.lines) {
      for (const value of [text, ...Object.values(members).map(String)]) {
        assert.doesNotMatch(value, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        assert.ok(value.length <= 200);
      }
      assert.ok(!('extra' in members));
    }
    assert.ok(lines().length > 10);
  });
});

describe('a flood', () => {
  test('writes ten lines per second and reason, and then how many were left out', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const logger = memoryLogger();
    const end = log(logger);
    for (let i = 0; i < 1000; i += 1) {
      refuse();
      if (i < 15) refuse({ reason: 'audience_mismatch' });
    }
    const ofReason = (wanted) => logger.lines.filter(([, , { reason }]) => reason === wanted);
    assert.deepEqual([ofReason('expired').length, ofReason('audience_mismatch').length], [10, 10]);
    t.mock.timers.tick(1000);
    assert.deepEqual(
      [ofReason('expired').at(-1)[1], ofReason('expired').at(-1)[2].leftOut],
      ['log lines left out', 990],
    );
    assert.equal(ofReason('audience_mismatch').at(-1)[2].leftOut, 5);
    refuse();
    assert.equal(ofReason('expired').length, 12);
    t.mock.timers.tick(1000);
    assert.equal(ofReason('expired').length, 12);
    end();
  });

  test('says what was left out when the log ends', () => {
    const logger = memoryLogger();
    const end = log(logger);
    for (let i = 0; i < 25; i += 1) refuse();
    end();
    assert.equal(logger.lines.at(-1)[2].leftOut, 15);
    refuse();
    assert.equal(logger.lines.length, 11);
  });

  test('of reasons that other code invents is bounded', () => {
    const logger = memoryLogger();
    const end = log(logger);
    for (let i = 0; i < 5000; i += 1) refuse({ reason: `r${i}` });
    assert.ok(logger.lines.length <= 2000, `${logger.lines.length}`);
    end();
  });
});

describe('a library that throws', () => {
  test('neither breaks a request nor ends the process', async (t) => {
    const uncaught = t.mock.fn();
    process.on('uncaughtException', uncaught);
    process.on('unhandledRejection', uncaught);
    const broken = () => {
      throw new Error('broken');
    };
    const rejecting = async () => broken();
    const ends = [
      log({ debug: broken, info: broken, warn: broken, error: broken }, { sample: 1 }),
      log({ debug: rejecting, info: rejecting, warn: rejecting, error: rejecting }, { sample: 1 }),
      metrics(
        {
          createCounter: () => ({ add: broken }),
          createHistogram: () => ({ record: broken }),
          createObservableGauge: () => ({ addCallback() {}, removeCallback: broken }),
        },
        { sample: 1, clients: [client] },
      ),
      prometheus({ registerMetric() {}, removeSingleMetric: broken }),
      trace({ startSpan: broken }, { activeSpan: broken }),
      trace(
        { startSpan: () => ({ setStatus: broken, end: broken }) },
        { activeSpan: () => ({ setAttributes: broken }) },
      ),
    ];
    assert.equal(typeof (await client.validateAccessToken(issuer.token())), 'object');
    assert.equal(typeof (await client.validateAccessToken(issuer.opaque())), 'object');
    assert.equal((await rejected(client.validateAccessToken(issuer.bad('expired')))).reason, 'expired');
    for (const end of ends) end();
    await new Promise(setImmediate);
    process.off('uncaughtException', uncaught);
    process.off('unhandledRejection', uncaught);
    assert.equal(uncaught.mock.callCount(), 0);
  });
});
