import { parseTlsVersion, protocolOf, TlsConfigError } from '@quorate/tls';
import { ConfigError } from './errors.ts';
import type { ServerConfig } from './schema.ts';

/** What can be said of TLS without reading a file (reference: validation of the configuration). @throws ConfigError */
export function checkTls(config: ServerConfig): void {
  checkProtocol(config);
  together('--cert-file', config.certFile, '--key-file', config.keyFile);
  together('--peer-cert-file', config.peerCertFile, '--peer-key-file', config.peerKeyFile);
  together(
    '--peer-client-cert-file',
    config.peerClientCertFile,
    '--peer-client-key-file',
    config.peerClientKeyFile,
  );
  checkCertificates(config);
  const httpUrl = config.listenClientHttpUrls.find((url) => config.listenClientUrls.includes(url));
  if (httpUrl !== undefined) {
    throw new ConfigError(
      `cannot bind both --listen-client-urls and --listen-client-http-urls on the same url ${httpUrl}: take another port`,
    );
  }
}

/** What is allowed and yet hardly meant. */
export function tlsWarningsOf(config: ServerConfig): string[] {
  const warnings: string[] = [];
  const isPlain = (url: string): boolean => !isSecure(url);
  for (const url of [...config.listenClientUrls, ...config.listenClientHttpUrls].filter(isPlain)) {
    if (config.certFile !== '') {
      warnings.push(`--cert-file is not used for ${url}: its scheme is one without TLS`);
    }
    if (config.clientCertAuth) {
      warnings.push(`--client-cert-auth does not hold for ${url}: its scheme is one without TLS`);
    }
  }
  for (const url of config.listenPeerUrls.filter(isPlain)) {
    if (config.peerCertFile !== '') {
      warnings.push(`--peer-cert-file is not used for ${url}: its scheme is one without TLS`);
    }
    if (config.peerClientCertAuth) {
      warnings.push(`--peer-client-cert-auth does not hold for ${url}: its scheme is one without TLS`);
    }
  }
  const systemTrust = [
    ['--client-cert-auth', config.clientCertAuth, '--trusted-ca-file', config.trustedCaFile],
    [
      '--peer-client-cert-auth',
      config.peerClientCertAuth,
      '--peer-trusted-ca-file',
      config.peerTrustedCaFile,
    ],
  ] as const;
  for (const [flag, isOn, caFlag, caFile] of systemTrust) {
    if (isOn && caFile === '') {
      warnings.push(
        `${flag} without ${caFlag} takes certificates of every authority that this system trusts`,
      );
    }
  }
  return warnings;
}

function checkProtocol(config: ServerConfig): void {
  try {
    protocolOf({
      minVersion: parseTlsVersion(config.tlsMinVersion, '--tls-min-version'),
      maxVersion: parseTlsVersion(config.tlsMaxVersion, '--tls-max-version'),
      cipherSuites: namesIn(config.cipherSuites),
    });
  } catch (error) {
    if (error instanceof TlsConfigError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

function together(certFlag: string, cert: string, keyFlag: string, key: string): void {
  if ((cert === '') === (key === '')) return;
  throw new ConfigError(`${certFlag} and ${keyFlag} belong together: give both or none`);
}

function checkCertificates(config: ServerConfig): void {
  const clientUrls = [
    ...config.listenClientUrls,
    ...config.listenClientHttpUrls,
    ...config.listenMetricsUrls,
  ];
  const clientUrl = clientUrls.find(isSecure);
  if (clientUrl !== undefined && config.certFile === '' && !config.autoTls) {
    throw new ConfigError(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${clientUrl} with HTTPS scheme; or set --auto-tls`,
    );
  }
  const peerUrl = config.listenPeerUrls.find(isSecure);
  if (peerUrl !== undefined && config.peerCertFile === '' && !config.peerAutoTls) {
    throw new ConfigError(
      `cannot listen on TLS for ${peerUrl}: KeyFile and CertFile are not presented: give --peer-cert-file and --peer-key-file, or --peer-auto-tls`,
    );
  }
}

/** The names in a list with commas. */
export function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Whether a URL is one with TLS. */
export function isSecure(url: string): boolean {
  return /^(https|unixs):/i.test(url);
}
