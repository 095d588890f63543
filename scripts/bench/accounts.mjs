// The accounts of a benchmark, which the server's store has before the server starts. Imported, not run.
import { createHash, scryptSync } from "node:crypto"
import { indexOf, nameOf } from "./wire.mjs"

/** The password of all accounts. */
export const password = "benchmark password"

const sha256 = (text) => createHash("sha256").update(text).digest("hex")

/** The token of an account's device, by default `main`. */
export const tokenOf = (name, device = "main") =>
  `achat_${sha256(device === "main" ? name : `${name}/${device}`).slice(0, 32)}`

/** A wire on which those clients of the row that have accounts log in with their tokens. */
export const withAccounts = (wire, { accounts: [from, to] = [0, 0] }) => {
  if (wire.hasAccounts !== true) return wire
  const isAccount = (name) => indexOf(name) >= from && indexOf(name) < to
  return {
    ...wire,
    login: (name, isFan) => (isAccount(name) ? `${name}: ${tokenOf(name)}\n` : wire.login(name, isFan)),
    // A message to itself would be stored.
    self: (name) => (isAccount(name) ? { sent: "/ping ready\n", received: "* pong: ready\n" } : undefined)
  }
}

const base64 = (bytes) => bytes.toString("base64").replace(/=+$/, "")

/** A hash with the server's parameters. All accounts share one: each check costs the same all the same. */
const credential = () => {
  const salt = Buffer.from("0123456789abcdef")
  const hash = scryptSync(password, salt, 32, { N: 2 ** 14, r: 8, p: 1 })
  return `$scrypt$ln=14,r=8,p=1$${base64(salt)}$${base64(hash)}`
}

/** An export that has the accounts of a row, for `a-chat store import`. Each has the same devices. */
export const exported = ({ accounts: [from, to] = [0, 0], devices = ["main"] }) => {
  const hash = credential()
  const lines = [{ "a-chat export": 1 }]
  for (let index = from; index < to; index++) {
    const [id, name] = [index - from + 1, nameOf(index)]
    const likeness = name.toUpperCase()
    lines.push({ type: "account", id, name, likeness, credential: hash, created: 0, state: "active" })
    for (const device of devices) {
      lines.push({
        type: "device",
        account: id,
        name: device,
        token: sha256(tokenOf(name, device)),
        seen: 0,
        awayMillis: 0
      })
    }
  }
  lines.push({ type: "totals", stored: 0, given: 0, expired: 0 })
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("")
}
