/**
 * The inspector in a real browser, end to end: headless Chromium, driven by puppeteer-core. The screenshots are written to
 * `target/inspector/`. `INSPECTOR_SCREENSHOT=docs/inspector.png` writes the one of the documents.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startInspector } from './run.mjs';
import { describeWhere, needsCommand } from '../support/suite.mjs';
import { createTestIssuer } from '../../npm/testing.mjs';

const require = createRequire(import.meta.url);
const SHOTS = fileURLToPath(new URL('../../target/inspector/', import.meta.url));

/** Why the browser is missing; `false` if it is present. With `CI=true`, a missing one is a failure. */
const unavailable = needsCommand('chromium') || needsModule('puppeteer-core');

function needsModule(name) {
  try {
    require.resolve(name);
    return false;
  } catch {
    return process.env.CI === 'true' ? false : `${name} is not installed`;
  }
}

/** Texts that run a script if a page shows them as markup. Each would set `window.ran`. */
const SCRIPTS = [
  '<script>window.ran = 1</script>',
  '<img src=x onerror="window.ran = 1">',
  '"><svg onload="window.ran = 1">',
  'javascript:window.ran=1//\'"',
  '</pre></textarea><iframe srcdoc="<script>parent.ran = 1</script>">',
  '{{constructor.constructor("window.ran = 1")()}}',
  '\u202e<b onmouseover=window.ran=1 style=position:fixed;inset:0>\u2028',
];

describeWhere(unavailable, 'the inspector in Chromium', () => {
  const issuer = createTestIssuer();
  let server;
  let inspector;
  let browser;
  let page;
  const requested = [];

  before(async () => {
    mkdirSync(SHOTS, { recursive: true });
    server = await issuer.listen();
    inspector = await startInspector(server.env);
    const puppeteer = require('puppeteer-core');
    const { stdout } = spawnSync('which', ['chromium'], { encoding: 'utf8' });
    browser = await puppeteer.launch({
      executablePath: stdout.trim(),
      // In a container, the tests run as root, where Chromium has no sandbox.
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    page = await browser.newPage();
    page.on('request', (request) => requested.push(request.url()));
    await page.setViewport({ width: 1100, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    await page.goto(inspector.url);
    await page.waitForSelector('body[data-ready=yes]');
  });
  after(async () => {
    await browser?.close();
    await inspector?.stop();
    await server?.close();
  });

  /** Fills the form, and waits for the result or the question. Returns the text of the page. */
  async function explain(fields) {
    await page.click('#clear');
    await page.evaluate((given) => {
      for (const [id, value] of Object.entries(given)) document.getElementById(id).value = value;
    }, fields);
    await page.click('#inspect');
    await page.waitForFunction(() => document.querySelector('#verdict, #ask:not([hidden])') !== null);
    return page.$eval('main', (main) => main.innerText);
  }

  const shot = (name) => page.screenshot({ path: `${SHOTS}${name}.png`, fullPage: true });
  const focused = () => page.evaluate(() => document.activeElement.id);

  it('removes the secret from the address line, and gives scripts no cookie', async () => {
    assert.equal(page.url(), `http://${inspector.host}/`);
    assert.equal(await page.evaluate(() => document.cookie), '');
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
  });

  it('shows a good token: every rule passed, and the focus on the verdict', async () => {
    const text = await explain({ token: issuer.token({ scope: 'data:read' }), scopes: 'data:read' });
    assert.match(text, /✓ Accepted/);
    assert.doesNotMatch(text, /✗/);
    assert.equal(await focused(), 'verdict');
    await shot('good');
  });

  it('shows a bad token: the rule, both values, the fix and the response of the API', async () => {
    const text = await explain({ token: issuer.bad('audience_mismatch') });
    assert.match(text, /✗ Rejected/);
    assert.match(text, /received/);
    assert.match(text, /expected/);
    assert.match(text, /WWW-Authenticate: Bearer error="invalid_token"/);
    assert.match(text, /– *\n?.*expiry/);
    await shot('bad');
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await shot('bad-dark');
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    if (process.env.INSPECTOR_SCREENSHOT) {
      const path = fileURLToPath(new URL(`../../${process.env.INSPECTOR_SCREENSHOT}`, import.meta.url));
      await page.screenshot({ path, clip: { x: 40, y: 0, width: 1020, height: 1000 }, captureBeyondViewport: true });
    }
  });

  it('asks before it sends an opaque token, and sends it only then', async () => {
    const token = issuer.opaque();
    const text = await explain({ token });
    assert.match(text, /sent to the introspection endpoint of/);
    assert.ok(text.includes(server.url));
    const introspections = () => issuer.requests.filter(({ kind }) => kind === 'introspection').length;
    assert.equal(await focused(), 'ask-title');
    assert.equal(introspections(), 0);
    await page.click('#decline');
    assert.match(await page.$eval('#status', (status) => status.textContent), /not sent/);
    assert.equal(introspections(), 0);
    await explain({ token });
    await shot('opaque');
    await page.click('#agree');
    await page.waitForSelector('#verdict');
    assert.match(await page.$eval('main', (main) => main.innerText), /✓ Accepted[^]*Introspected by/);
    assert.ok(introspections() > 0);
  });

  it('compares the URL of a DPoP proof with that of the request', async () => {
    const holder = issuer.dpop();
    const token = issuer.token({ cnf: { jkt: holder.jkt } });
    const { dpop: proof } = holder.headers({ method: 'GET', url: 'https://api.example.com/a', token });
    const fields = { token, proof, method: 'GET' };
    assert.match(await explain({ ...fields, url: 'https://api.example.com/a?x=1' }), /✓ Accepted/);
    const text = await explain({ ...fields, url: 'https://api.example.com/b' });
    assert.match(
      text,
      /htu of the proof\s+https:\/\/api\.example\.com\/a\s+URL of the request\s+https:\/\/api\.example\.com\/b/,
    );
    await shot('proof');
  });

  it('runs no script of a claim, a header, a proof, a scope or a URL', async () => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const script of SCRIPTS) {
      const names = ['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'scope', 'cnf', 'jti', script];
      const claims = Object.fromEntries(names.map((name) => [name, script]));
      const header = Object.fromEntries(['alg', 'typ', 'kid', 'crit', script].map((name) => [name, script]));
      const proof = `${part({ ...header, jwk: claims })}.${part({ ...claims, htm: script, htu: script })}.AAAA`;
      for (const token of [
        `${part(header)}.${part(claims)}.AAAA`,
        issuer.token({ [script]: script, aud: script, scope: script, sub: script, nested: [script] }),
        issuer.token({ [script]: script, scope: script, groups: [script] }),
        `${part({ alg: 'ES256', kid: script })}.${part(claims)}.AAAA`,
      ]) {
        await explain({ token, scopes: script });
        await explain({ token, proof, method: script, url: script, certificate: script });
      }
      const opaque = issuer.opaque({ [script]: script, aud: script, scope: script });
      await explain({ token: opaque });
      await page.click('#agree');
      await page.waitForSelector('#verdict');
    }
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.equal(await page.$$eval('#result script, #result img, #result iframe, #result svg', (all) => all.length), 0);
  });

  it('says that a token of 1 MB is too large', async () => {
    await page.click('#clear');
    await page.$eval('#token', (field) => (field.value = 'a'.repeat(1_000_000)));
    await page.click('#inspect');
    await page.waitForFunction(() => /too large/.test(document.getElementById('status').textContent));
  });

  it('has a report without the token and personal claims', async () => {
    const token = issuer.token({ sub: 'alice@example.com', email: 'alice@example.com', scope: 'a' });
    await explain({ token, scopes: 'b' });
    const report = await page.$eval('#report', (one) => one.textContent);
    assert.match(report, /^refused \[scope_missing\], jwt/);
    assert.ok(report.includes(issuer.audience));
    for (const secret of ['alice', ...token.split('.')]) assert.ok(!report.includes(secret));
  });

  it('can be used with the keyboard alone, and every field has a label', async () => {
    await page.click('#clear');
    assert.equal(await focused(), 'token');
    await page.keyboard.type('a.b.c');
    for (const id of ['scopes', '', 'inspect']) {
      await page.keyboard.press('Tab');
      if (id) assert.equal(await focused(), id);
    }
    await page.keyboard.press('Enter');
    await page.waitForSelector('#verdict');
    const unlabelled = await page.$$eval(
      'input, textarea',
      (all) => all.filter(({ labels }) => labels.length === 0).length,
    );
    assert.equal(unlabelled, 0);
    assert.equal(await page.$eval('#status', (status) => status.getAttribute('aria-live')), 'polite');
  });

  it('fits on a screen of 360 pixels', async () => {
    await page.setViewport({ width: 360, height: 740 });
    await explain({ token: issuer.bad('audience_mismatch') });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${width} pixels`);
    await shot('narrow');
  });

  it('leaves nothing on the page when it is cleared, and requested nothing from another host', async () => {
    await page.click('#clear');
    assert.equal(await page.$eval('#token', (field) => field.value), '');
    assert.equal(await page.$eval('#result', (result) => result.textContent), '');
    const others = requested.filter((url) => !url.startsWith(`http://${inspector.host}/`) && url !== 'data:,');
    assert.deepEqual(others, []);
  });

  it('shows nothing to a second browser with the same URL', async () => {
    const context = await browser.createBrowserContext();
    const second = await context.newPage();
    await second.goto(inspector.url);
    await second.waitForFunction(() => /good for one browser/.test(document.getElementById('status').textContent));
    await context.close();
  });
});
