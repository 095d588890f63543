import { createAccount, createOperator, createUser, type KeyPair } from "@nats-io/nkeys"

/** What `nsc` would make for servers that trust an operator: their settings, and files `.creds` of users. */

const encode = (value: object | Uint8Array) =>
  (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(JSON.stringify(value))).toString("base64url")

/** A token about `subject`, signed by `issuer`. */
const token = (issuer: KeyPair, subject: KeyPair, name: string, nats: object) => {
  const claims = { jti: name, iat: 1_700_000_000, iss: issuer.getPublicKey(), name, sub: subject.getPublicKey(), nats }
  const signed = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(claims)}`
  return `${signed}.${encode(issuer.sign(Buffer.from(signed)))}`
}

const unlimited = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1, wildcards: true }

const seedOf = (key: KeyPair) => Buffer.from(key.getSeed()).toString()

/** A file `.creds` with a token and the key of a user. */
const creds = (jwt: string, user: KeyPair) =>
  `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n` +
  `-----BEGIN USER NKEY SEED-----\n${seedOf(user)}\n------END USER NKEY SEED------\n`

export const make = () => {
  const [operator, account, user, stranger] = [createOperator(), createAccount(), createUser(), createAccount()]
  const system = createAccount()
  const operatorJwt = token(operator, operator, "operator", { type: "operator", version: 2 })
  const accountJwt = token(operator, account, "chat", {
    type: "account",
    version: 2,
    limits: { ...unlimited, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
  })
  const systemJwt = token(operator, system, "system", { type: "account", version: 2, limits: unlimited })
  const userJwt = (issuer: KeyPair) =>
    token(issuer, user, "node", { type: "user", version: 2, subs: -1, data: -1, payload: -1 })
  return {
    settings:
      `operator: ${operatorJwt}\nresolver: MEMORY\nsystem_account: ${system.getPublicKey()}\n` +
      `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }\n`,
    creds: creds(userJwt(account), user),
    /** Of an account that the server does not know. */
    otherCreds: creds(userJwt(stranger), user)
  }
}

/** The key of a user: its public part for the settings of a server, and the seed. */
export const userKey = () => {
  const user = createUser()
  return { publicKey: user.getPublicKey(), seed: seedOf(user) }
}
