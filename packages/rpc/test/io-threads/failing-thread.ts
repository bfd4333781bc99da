/** The module of a thread that cannot begin. */
throw new Error('no certificate to be found');
