// What does `@peculiar/x509` ask of `Reflect`?
//
// Its dependency tsyringe refuses to load without the four functions of the
// `reflect-metadata` package, which is not one of our dependencies. These are
// the four, as small as its use of them. Import this file before the library;
// where a real polyfill is loaded already, that one stays.

const metadata = new WeakMap();

// Metadata hangs on a target, or on one property of it.
const slot = (key, property) => `${String(key)} ${String(property ?? '')}`;

function define(key, value, target, property) {
  if (!metadata.has(target)) {
    metadata.set(target, new Map());
  }
  metadata.get(target).set(slot(key, property), value);
}

const own = (key, target, property) => metadata.get(target)?.get(slot(key, property));

function inherited(key, target, property) {
  for (let at = target; at; at = Object.getPrototypeOf(at)) {
    const value = own(key, at, property);
    if (value !== undefined) {
      return value;
    }
  }
  return undefined;
}

if (typeof Reflect.getMetadata !== 'function') {
  Object.assign(Reflect, {
    defineMetadata: define,
    getMetadata: inherited,
    getOwnMetadata: own,
    metadata: (key, value) => (target, property) => define(key, value, target, property),
  });
}
