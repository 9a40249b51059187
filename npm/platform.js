'use strict';

/** Which binary does this process need? `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64-msvc` … */

const { existsSync } = require('node:fs');

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
 * Where musl is nowhere, nothing is linked with it. Where it is, the report tells: it names the glibc that the process
 * runs on, and takes some milliseconds to load and to write.
 */
function isMusl() {
  if (!hasMusl()) return false;
  const { report } = process;
  if (typeof report?.getReport !== 'function') return true;
  const excluded = report.excludeNetwork;
  report.excludeNetwork = true; // Or the report looks names up in DNS.
  try {
    const { header, sharedObjects } = report.getReport();
    if (header?.glibcVersionRuntime) return false;
    // Bun and Deno leave some of it out; what is loaded tells as well.
    return Array.isArray(sharedObjects) && sharedObjects.length > 0
      ? sharedObjects.some((path) => /\/(?:ld-musl-|libc\.musl-)/.test(path))
      : true;
  } finally {
    report.excludeNetwork = excluded;
  }
}

/** Alpine's own marker, or musl's loader in its one place. */
function hasMusl() {
  const loader = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch;
  return existsSync('/etc/alpine-release') || existsSync(`/lib/ld-musl-${loader}.so.1`);
}

module.exports = { PLATFORMS, platformName };
