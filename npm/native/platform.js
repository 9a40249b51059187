'use strict';

/** Which binary does this process need? `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64-msvc` … */

const fs = require('node:fs');

/** The platforms that have a package, `@monocloud/backend-node-<name>`. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
];

function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/**
 * Without a sign of musl, nothing on this machine is linked with it. With one, or where the file system may not be
 * read, the diagnostic report decides: it names the glibc that the process runs on. It takes some milliseconds.
 */
function isMusl() {
  const found = hasMusl();
  if (found === false) return false;
  const objects = loadedObjects();
  if (objects === undefined) return found === true;
  return objects.some((path) => /\/(?:ld-musl-|libc\.musl-)/.test(path));
}

/**
 * The libraries that the process has loaded: none of musl's where it runs on glibc. `undefined` where the report does
 * not tell: Bun and Deno leave parts of it out, and it may be forbidden.
 */
function loadedObjects() {
  const { report } = process;
  if (typeof report?.getReport !== 'function') return undefined;
  const excluded = report.excludeNetwork;
  try {
    report.excludeNetwork = true; // Otherwise the report looks names up in DNS.
    const { header, sharedObjects } = report.getReport();
    if (header?.glibcVersionRuntime) return [];
    return Array.isArray(sharedObjects) && sharedObjects.length > 0 ? sharedObjects : undefined;
  } catch {
    return undefined;
  } finally {
    report.excludeNetwork = excluded;
  }
}

/** Alpine's own marker, or musl's loader in its one place; `undefined` where nobody may look. */
function hasMusl() {
  const loader = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch;
  const seen = ['/etc/alpine-release', `/lib/ld-musl-${loader}.so.1`].map(exists);
  return seen.includes(true) || (seen.includes(undefined) ? undefined : false);
}

/**
 * Whether a file exists; `undefined` where that may not be asked. Under Node's permission model `existsSync` throws
 * for a path that `--allow-fs-read` does not name, and so does Deno's without `--allow-read`.
 */
function exists(path) {
  try {
    return fs.existsSync(path);
  } catch {
    return undefined;
  }
}

module.exports = { PLATFORMS, exists, platformName };
