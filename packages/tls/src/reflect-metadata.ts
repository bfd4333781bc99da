/**
 * The part of the `Reflect.metadata` proposal that the container under `@peculiar/x509` needs to be loaded. Import
 * this before that package. Where a full polyfill is there already, it stays.
 */
type Metadata = Map<unknown, unknown>;

const metadataOf = new WeakMap<object, Metadata>();

function getOwnMetadata(key: unknown, target: object): unknown {
  return metadataOf.get(target)?.get(key);
}

function getMetadata(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
    const metadata = metadataOf.get(at);
    if (metadata?.has(key) === true) return metadata.get(key);
  }
  return undefined;
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const metadata: Metadata = metadataOf.get(target) ?? new Map();
  metadata.set(key, value);
  metadataOf.set(target, metadata);
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { defineMetadata, getMetadata, getOwnMetadata });
