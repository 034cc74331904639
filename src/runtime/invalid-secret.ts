/** A setting that may hold a secret can't be used: commander's InvalidArgumentError would quote what was given. */
export class InvalidSecretError extends Error {}
