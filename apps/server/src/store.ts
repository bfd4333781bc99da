/** The database below the buckets. */
export { openStore } from '@quorate/data-dir';
