'use strict';

/** Which binary does this process need? For example `linux-x64-gnu`, `linux-arm64-musl` or `darwin-arm64`. */

const fs = require('node:fs');

/**
 * The platforms with a package, `@monocloud/backend-node-<platform>`.
 *
 * @type {readonly string[]}
 */
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

/** How musl names the architectures that it names differently. */
const MUSL_ARCHITECTURES = new Map([
  ['x64', 'x86_64'],
  ['arm64', 'aarch64'],
]);

function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/**
 * Whether this process is linked with musl. If the machine has no file of musl, it is not. Otherwise, or if the file
 * system may not be read, the diagnostic report decides. The report takes some milliseconds, so it comes second.
 */
function isMusl() {
  const found = hasMuslFiles();
  if (found === false) return false;
  const objects = loadedObjects();
  if (objects === undefined) return found === true;
  return objects.some((path) => /\/(?:ld-musl-|libc\.musl-)/.test(path));
}

/**
 * Returns the paths of the shared libraries of this process, or an empty list if it runs on glibc. `undefined` if the
 * report does not tell: Bun and Deno omit parts of it, and it may be forbidden.
 *
 * @returns {string[] | undefined}
 */
function loadedObjects() {
  const { report } = process;
  if (typeof report?.getReport !== 'function') return undefined;
  const excluded = report.excludeNetwork;
  try {
    report.excludeNetwork = true; // Otherwise the report does DNS lookups.
    /** @type {{ header?: { glibcVersionRuntime?: string }, sharedObjects?: string[] }} */
    const { header, sharedObjects } = report.getReport();
    if (header?.glibcVersionRuntime) return [];
    return Array.isArray(sharedObjects) && sharedObjects.length > 0 ? sharedObjects : undefined;
  } catch {
    return undefined;
  } finally {
    report.excludeNetwork = excluded;
  }
}

/**
 * Whether Alpine's release file or musl's loader exists. `undefined` if the file system may not be read.
 *
 * @returns {boolean | undefined}
 */
function hasMuslFiles() {
  const loader = MUSL_ARCHITECTURES.get(process.arch) ?? process.arch;
  const found = ['/etc/alpine-release', `/lib/ld-musl-${loader}.so.1`].map(exists);
  return found.includes(true) || (found.includes(undefined) ? undefined : false);
}

/**
 * Whether a file exists. `undefined` if it may not be read: `existsSync` throws under Node's permission model for a path
 * outside `--allow-fs-read`, and in Deno without `--allow-read`.
 *
 * @param {string} path
 * @returns {boolean | undefined}
 */
function exists(path) {
  try {
    return fs.existsSync(path);
  } catch {
    return undefined;
  }
}

module.exports = { PLATFORMS, exists, platformName };
