import packageJson from '../package.json' with { type: 'json' };

/** The version of this program, and of the API it speaks. */
export const programVersion = { version: packageJson.version, apiVersion: '3.5' } as const;
