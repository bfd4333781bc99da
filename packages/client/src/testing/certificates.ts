import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A certificate and its key, in PEM form. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Certificates for tests, good until the year 2126. Their keys are public, being here: nothing may trust them that
 * is not a test. Made with openssl, keys on P-256.
 */
export const testCertificates = {
  /** What all the others lead back to. */
  ca: `-----BEGIN CERTIFICATE-----
MIIBizCCATGgAwIBAgIUCbELCwO1swWX/1/8PgolfSc+wegwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPUXVvcmF0ZSB0ZXN0IENBMCAXDTI2MTEyMjE4MTUyM1oYDzIx
MjYxMDI5MTgxNTIzWjAaMRgwFgYDVQQDDA9RdW9yYXRlIHRlc3QgQ0EwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAARUZxggugdBZs8n8g3gLTdegsYMZ6H5VTs94feL
j8pnCee+mWz5qIaQzVFsTfHh/HIlWhBKegzeNDvbJwH3PaMVo1MwUTAdBgNVHQ4E
FgQU4Zh/3uwhcgaujJVctg+itG5Q5hMwHwYDVR0jBBgwFoAU4Zh/3uwhcgaujJVc
tg+itG5Q5hMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBzwSy+
9xava8K4RExi+qYJdv1PIV8EkcNu0DdgfhlxYAIhAP9jcowjnkBuCFtilNUIAu7X
1pf/VyUILMA7dLw1DQF3
-----END CERTIFICATE-----
`,
  /** For the address 127.0.0.1 and the name localhost. */
  server: {
    cert: `-----BEGIN CERTIFICATE-----
MIIBrTCCAVKgAwIBAgIUcYHifJW83fsns/j1DjuPwVDUOawwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPUXVvcmF0ZSB0ZXN0IENBMCAXDTI2MTEyMjE4MTUyM1oYDzIx
MjYxMDI5MTgxNTIzWjARMQ8wDQYDVQQDDAZtZW1iZXIwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAASOYcMVXl6qxVfwwbkDNv6wbdV9AUr4A2d8gJMUrOFf9Ke/CS/U
KS7xCMjOIwgQbvPNJvNiDWXM4+GfaUprPjruo30wezAaBgNVHREEEzARhwR/AAAB
gglsb2NhbGhvc3QwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1Ud
DgQWBBTdoVxMr893UvZRGrvKwng9G+Vj+TAfBgNVHSMEGDAWgBThmH/e7CFyBq6M
lVy2D6K0blDmEzAKBggqhkjOPQQDAgNJADBGAiEAl8O8GJyVragz5hqSx9+Xm7d+
kS2SnpTbChLcv0WXgiYCIQCyWoAH5Uk2bEBHmf3rVvcpPZSN4ErukNYVCv8pon80
Yw==
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmbwUag87U1akNji+
CslwN1+xrrHoRVfRktd9fYLpo8GhRANCAASOYcMVXl6qxVfwwbkDNv6wbdV9AUr4
A2d8gJMUrOFf9Ke/CS/UKS7xCMjOIwgQbvPNJvNiDWXM4+GfaUprPjru
-----END PRIVATE KEY-----
`,
  },
  /** For the name named.test only. */
  named: {
    cert: `-----BEGIN CERTIFICATE-----
MIIBpTCCAUygAwIBAgIUcYHifJW83fsns/j1DjuPwVDUOa0wCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPUXVvcmF0ZSB0ZXN0IENBMCAXDTI2MTEyMjE4MTUyM1oYDzIx
MjYxMDI5MTgxNTIzWjAQMQ4wDAYDVQQDDAVuYW1lZDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABGH5ghG9MCEwfIkGxlNfZp1bdZQqzYyWqMF49VVe+7Auxgyg1BEg
EhtRlWKAjGgf9ZWlVfuDJPfFzaWb3UmZFXujeDB2MBUGA1UdEQQOMAyCCm5hbWVk
LnRlc3QwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1UdDgQWBBQC
01gEzyB7UWa0xcrAT5ZKZwnblDAfBgNVHSMEGDAWgBThmH/e7CFyBq6MlVy2D6K0
blDmEzAKBggqhkjOPQQDAgNHADBEAiAgy+3lu2XJb0MIEpWX/YhpECkxK3OtWbdj
vVar2B2yKwIgTXtePTEuDF8mG/+2+UbBL2eMkDXQioBgNXucMZwM4WI=
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgH6Jg3dl59P0rwgnz
ACJ1rlsdrtaNJzmaEmLPB7rS6q6hRANCAARh+YIRvTAhMHyJBsZTX2adW3WUKs2M
lqjBePVVXvuwLsYMoNQRIBIbUZVigIxoH/WVpVX7gyT3xc2lm91JmRV7
-----END PRIVATE KEY-----
`,
  },
  /** Of a client, with the common name `alice`. */
  alice: {
    cert: `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUcYHifJW83fsns/j1DjuPwVDUOa4wCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPUXVvcmF0ZSB0ZXN0IENBMCAXDTI2MTEyMjE4MTUyNFoYDzIx
MjYxMDI5MTgxNTI0WjAQMQ4wDAYDVQQDDAVhbGljZTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABHzqR4g+kakO3c8PIdOTTajXQcSOHrsO4rbuDhZYNv7xrB4V/W6B
xmLzpMgVPVVh0bmKunvKS/OWcBMKd0UUeIajVzBVMBMGA1UdJQQMMAoGCCsGAQUF
BwMCMB0GA1UdDgQWBBQCofDxEjk/a5LPHafK6XmNdCnYdTAfBgNVHSMEGDAWgBTh
mH/e7CFyBq6MlVy2D6K0blDmEzAKBggqhkjOPQQDAgNIADBFAiEA7TMDTe9CXHo3
a6ly3a7sKZY+2Q6x61pUsk9A1o6wV5gCIE80dSaEU64upgYdnA8KVBPBKX4MAQDM
QCz7uG5EJhZq
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJqCMruBGgqjamCgu
aCpRtrpHxX0a8nK74CY4LdjZHtWhRANCAAR86keIPpGpDt3PDyHTk02o10HEjh67
DuK27g4WWDb+8aweFf1ugcZi86TIFT1VYdG5irp7ykvzlnATCndFFHiG
-----END PRIVATE KEY-----
`,
  },
} as const satisfies { readonly ca: string } & Record<'server' | 'named' | 'alice', TestCertificate>;

/** Paths of the certificates and keys, once written. */
export interface TestCertificateFiles {
  readonly ca: string;
  readonly server: TestCertificate;
  readonly named: TestCertificate;
  readonly alice: TestCertificate;
}

/** Writes them into a folder: `ca.crt`, and for each other one `NAME.crt` and `NAME.key`. */
export async function writeTestCertificates(folder: string): Promise<TestCertificateFiles> {
  const ca = join(folder, 'ca.crt');
  await writeFile(ca, testCertificates.ca);
  const write = async (name: 'server' | 'named' | 'alice'): Promise<TestCertificate> => {
    const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
    await writeFile(cert, testCertificates[name].cert);
    await writeFile(key, testCertificates[name].key, { mode: 0o600 });
    return { cert, key };
  };
  return { ca, server: await write('server'), named: await write('named'), alice: await write('alice') };
}
