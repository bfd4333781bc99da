/**
 * What this server says it is. Clients and peers compare major and minor with etcd's, so it names the etcd
 * release whose API it serves; Quorate's own version stands in `package.json`.
 */
export const serverVersion = '3.6.14';
