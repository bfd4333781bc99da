/** What an image says of itself. */
export interface ImageFacts {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** The commit; empty where the sources are not in a repository. */
  readonly revision: string;
  /** Where the sources are; empty where nobody has said that yet. */
  readonly source: string;
  readonly licenses: string;
}

/** Labels by the names that the OCI image specification gives them; what is not known has none. */
export function labelsOf(facts: ImageFacts): Readonly<Record<string, string>> {
  const { title, description, version, revision, source, licenses } = facts;
  const labels = { title, description, version, revision, source, licenses };
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [`org.opencontainers.image.${name}`, value]),
  );
}
