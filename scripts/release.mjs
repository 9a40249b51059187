// `npm run release -- patch|minor|major|X.Y.Z`: sets the next version in every file, and writes its changelog.
//
//     (no option)     prints what would change, and changes nothing
//     --write         changes it; you commit, tag and push, and the tag starts release.yml
//     --check TAG     instead: exits with 1 unless every file has the tag's version and the changelog its section
//     --notes         instead: prints the changelog's section of the current version

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const CHANGELOG = join(root, 'CHANGELOG.md');
const UNRELEASED = '## [Unreleased]';
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?$/i;

/** Where a version is written: the text before it, and after it. */
function places() {
  const json = /^(\s*"version": ")([^"]+)(")/m;
  const platforms = readdirSync(join(root, 'npm'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'npm', entry.name, 'package.json')))
    .map(({ name }) => [`npm/${name}/package.json`, json]);
  return [
    ['package.json', json],
    // The lockfile has it twice: its own version, and that of the package at its root.
    ['package-lock.json', json],
    ['package-lock.json', /^(\s*"": \{\s*"name": "[^"]+",\s*"version": ")([^"]+)(")/m],
    ['Cargo.toml', /^(\[package\][^[]*?^version = ")([^"]+)(")/m],
    ['Cargo.lock', /^(name = "monocloud-backend-node"\nversion = ")([^"]+)(")/m],
    ...platforms,
  ].map(([name, pattern]) => ({ file: join(root, name), pattern }));
}

function versionIn({ file, pattern }) {
  const version = pattern.exec(readFileSync(file, 'utf8'))?.[2];
  if (!version) fail(`${relative(root, file)} has no version where one is expected`);
  return version;
}

function setVersion({ file, pattern }, version) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(pattern, (_, before, old, behind) => before + version + behind),
  );
}

function next(version, step) {
  if (VERSION.test(step)) return step;
  const [major, minor, patch] = version.split('-')[0].split('.').map(Number);
  switch (step) {
    case 'major':
      return `${major + 1}.0.0`;
    case 'minor':
      return `${major}.${minor + 1}.0`;
    case 'patch':
      return `${major}.${minor}.${patch + 1}`;
    default:
      return fail('Usage: npm run release -- patch|minor|major|X.Y.Z [--write]');
  }
}

/** The changelog's section of a version: the text under Unreleased, or else the commits since the last version. */
function section(version) {
  const date = new Date().toISOString().slice(0, 10);
  return `## [${version}] - ${date}\n\n${notesOf('Unreleased') || committed()}\n`;
}

/** By area: a commit's subject is `area: what is now true`. */
function committed() {
  const last = git('describe', '--tags', '--match', 'v*', '--abbrev=0');
  const subjects = git('log', '--no-merges', '--reverse', '--format=%s', ...(last ? [`${last}..HEAD`] : [])) ?? '';
  const lines = subjects.split('\n').filter(Boolean);
  if (lines.length === 0) fail('nothing was committed since the last version, and nothing stands under Unreleased');
  const area = (line) => line.split(': ')[0];
  return `### Changed\n\n${lines
    .sort((a, b) => (area(a) < area(b) ? -1 : Number(area(a) > area(b))))
    .map((line) => `- ${line}`)
    .join('\n')}`;
}

function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function changelog() {
  return existsSync(CHANGELOG) ? readFileSync(CHANGELOG, 'utf8') : `# Changelog\n\n${UNRELEASED}\n`;
}

/** The section of a version, or of Unreleased, without its heading; nothing if there is none. */
function notesOf(version) {
  const [, behind] = changelog().split(`\n## [${version}]`);
  return behind?.split('\n## [')[0].split('\n').slice(1).join('\n').trim();
}

/** Adds a new section below an empty Unreleased. */
function withSection(text) {
  const [preamble, ...sections] = changelog().split(/\n(?=## \[)/);
  const released = sections.filter((old) => !old.startsWith(UNRELEASED));
  return [preamble, `${UNRELEASED}\n`, text, ...released].join('\n');
}

function check(tag) {
  const version = tag.replace(/^v/, '');
  const others = places().filter((place) => versionIn(place) !== version);
  for (const place of others) console.error(`${relative(root, place.file)} has ${versionIn(place)}, not ${version}`);
  const hasNotes = Boolean(VERSION.test(version) && notesOf(version));
  if (!hasNotes) console.error(`CHANGELOG.md has no section for ${version}`);
  if (others.length > 0 || !hasNotes) process.exit(1);
  console.log(`${version}: ${places().length} places agree, and the changelog has its section`);
}

function release(step, isWritten) {
  const [first] = places();
  const present = versionIn(first);
  const version = next(present, step);
  const text = section(version);
  console.log(`${present} -> ${version}\n`);
  for (const { file } of places()) console.log(`  ${relative(root, file)}`);
  console.log(`  CHANGELOG.md:\n\n${text}`);
  if (!isWritten) {
    console.log('Nothing was changed: --write does.');
    return;
  }
  places().forEach((place) => setVersion(place, version));
  writeFileSync(CHANGELOG, withSection(text));
  console.log(
    `Read CHANGELOG.md once more, then: git commit -am 'release: ${version}' && git tag v${version} && git push --follow-tags`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean' }, check: { type: 'string' }, notes: { type: 'boolean' } },
  allowPositionals: true,
});
if (values.check !== undefined) check(values.check);
else if (values.notes) console.log(notesOf(versionIn(places()[0])) ?? fail('no section for the present version'));
else release(positionals[0] ?? '', values.write ?? false);
