/** `Chart.yaml` of this version, of the chart and of what it runs; nothing else in it changes. @throws Error when it has no such lines */
export function chartWithVersion(chart: string, version: string): string {
  return ['version', 'appVersion'].reduce((text, name) => {
    const line = new RegExp(`^${name}: .*$`, 'm');
    if (!line.test(text)) throw new Error(`Chart.yaml has no line "${name}: …"`);
    return text.replace(line, `${name}: ${version}`);
  }, chart);
}
