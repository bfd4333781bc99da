import { engineApi, ownLabels } from './runtime.ts';

/** The images of this checkout, as `npm run images` calls them. */
export const images = {
  member: 'localhost/quorate:latest',
  gateway: 'localhost/quorate-gateway:latest',
  ctl: 'localhost/quoratectl:latest',
} as const;

/** Where an image says which version it is. */
export const versionLabel = 'org.opencontainers.image.version';
/** The folder of the volume of a member's image. */
export const memberVolume = '/var/lib/quorate';
/** Whom the programs of all images run as. */
export const imageUser = 65532;

/** Makes another version of an image: the same programs under another tag, with a label that says so. */
export async function nextVersionOf(image: string, version: string): Promise<string> {
  const api = await engineApi();
  const [repo = ''] = image.split(':');
  const made = await api.createContainer({ Image: image, Labels: ownLabels, NetworkDisabled: true });
  try {
    await made.commit({ repo, tag: version, changes: `LABEL ${versionLabel}=${version}` });
  } finally {
    await made.remove();
  }
  return `${repo}:${version}`;
}
