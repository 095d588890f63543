import * as Effect from "effect/Effect"
import { type Claim, type LoginDecision, isIdentified } from "../chat/Admission.js"
import type { LoginProof } from "../chat/Device.js"
import { subscriber } from "../chat/HostLimits.js"
import { likenessOf } from "../chat/Names.js"
import type { StoreError } from "../ports/StoreError.js"
import * as LoginLine from "../protocol/LoginLine.js"
import * as FatalReply from "../protocol/FatalReply.js"
import * as AccountChanges from "./AccountChanges.js"
import type { KnownAccount } from "./AccountIndex.js"
import { type AccountsContext, retryStoreMillis } from "./AccountsContext.js"
import * as Credentials from "./Credentials.js"
import { ProvenDevice } from "./ProvenDevice.js"
import type { Unchecked } from "./Verification.js"

/** Decides on logins (protocol, section 9). Only a secret or a certificate for an account takes longer than a turn. */
export const decide = (accounts: AccountsContext, claim: Claim): LoginDecision | Effect.Effect<LoginDecision> => {
  const { mode, takesReadableSecrets } = accounts.settings.current
  const { device, identity, isPrivate, name, secret } = claim
  if (secret !== undefined && !isPrivate && !takesReadableSecrets) return FatalReply.tlsRequired
  if (!isIdentified(claim)) return FatalReply.otherIdentity
  if (mode === "off") return undefined
  const account = accounts.index.alike(name)
  if (secret !== undefined) {
    const proof = prove(accounts, claim, secret, account)
    return Effect.isEffect(proof) ? unlessStoreFails(accounts, proof) : proof
  }
  if (account !== undefined) {
    // A certificate is valid only for its exact name, not for one that looks the same.
    const isCertified = identity !== undefined && account.name === name && !account.isRemoved
    return isCertified
      ? unlessStoreFails(accounts, open(accounts, claim, account, "certificate"))
      : FatalReply.passwordRequired(name)
  }
  if (mode === "required") return FatalReply.accountRequired
  return device === undefined ? undefined : FatalReply.deviceWithoutAccount
}

const unlessStoreFails = (
  { warnings }: AccountsContext,
  decision: Effect.Effect<LoginDecision, StoreError>
): Effect.Effect<LoginDecision> =>
  Effect.catchTag(decision, "StoreError", (error) =>
    Effect.as(warnings.loginNotChecked(error), FatalReply.accountsUnavailable(retryStoreMillis))
  )

const prove = (
  accounts: AccountsContext,
  claim: Claim,
  secret: string,
  account: KnownAccount | undefined
): LoginDecision | Effect.Effect<LoginDecision, StoreError> => {
  const active = account?.isRemoved === true ? undefined : account
  if (!Credentials.isToken(secret)) return provePassword(accounts, claim, secret, active)
  if (active === undefined) return FatalReply.wrongPassword
  const found = accounts.store.accounts.deviceOfToken(active.id, Credentials.tokenHash(secret))
  return Effect.flatMap(found, (device) =>
    device === deviceOf(claim) ? open(accounts, claim, active, "token") : Effect.succeed(FatalReply.wrongPassword)
  )
}

/** @param account undefined if there is none of this name; the check must take as long then */
const provePassword = (
  accounts: AccountsContext,
  claim: Claim,
  secret: string,
  account: KnownAccount | undefined
): LoginDecision | Effect.Effect<LoginDecision, StoreError> => {
  const { store, verification } = accounts
  const password = Credentials.parsePassword(secret)
  if (password === undefined) return FatalReply.wrongPassword
  const claimed = { account: likenessOf(claim.name), address: subscriber(claim.host), password }
  const unchecked = verification.refusal(claimed)
  if (unchecked !== undefined) return notNow(unchecked)
  const changesBefore = account?.passwordChanges
  const isCurrent = () => account?.isRemoved === false && account.passwordChanges === changesBefore
  let before: string | undefined = undefined
  const record =
    account === undefined
      ? Effect.succeed(undefined)
      : Effect.tap(store.accounts.credential(account.id), (found) => Effect.sync(() => void (before = found)))
  return Effect.flatMap(
    verification.check(claimed, record, isCurrent),
    (verdict): Effect.Effect<LoginDecision, StoreError> => {
      switch (verdict._tag) {
        case "Wrong":
          return Effect.succeed(FatalReply.wrongPassword)
        case "Throttled":
        case "Busy":
          return Effect.succeed(notNow(verdict))
        case "Right": {
          if (account === undefined) return Effect.succeed(FatalReply.wrongPassword)
          const opened = open(accounts, claim, account, "password", changesBefore)
          // The password may have changed in the meantime. Its record must not be replaced by one of the old password.
          if (verdict.record === undefined || !isCurrent()) return opened
          // If it cannot be stored, the next login tries again.
          return Effect.zipRight(
            Effect.ignore(store.accounts.setCredential(account.id, verdict.record, before)),
            opened
          )
        }
      }
    }
  )
}

const notNow = ({ _tag, retryMillis }: Unchecked): FatalReply.Fatal =>
  _tag === "Throttled" ? FatalReply.tooManyWrong(retryMillis) : FatalReply.tooManyChecks(retryMillis)

const deviceOf = ({ device = LoginLine.mainDevice }: Claim) => device

const open = (
  accounts: AccountsContext,
  claim: Claim,
  account: KnownAccount,
  proof: LoginProof,
  passwordChanges = account.passwordChanges
): Effect.Effect<LoginDecision, StoreError> =>
  Effect.suspend(() => {
    const device = deviceOf(claim)
    const proven = new ProvenDevice(account, device, proof, passwordChanges)
    const id = { account: account.id, device }
    // The device of a token must exist: it may have been forgotten while the token was checked. A client that only
    // sends does not occupy its device.
    const isKnown = proof === "token"
    const opened = AccountChanges.openDevice(accounts, account, device, { isKnown, isAway: claim.isSendOnly })
    const decided = opened.pipe(
      Effect.map((opened): LoginDecision => {
        switch (opened._tag) {
          case "TooMany":
            return FatalReply.tooManyDevices
          case "Unknown":
            return FatalReply.wrongPassword
          case "Elsewhere":
            return FatalReply.accountsUnavailable(retryStoreMillis)
          case "Opened":
            return proven
        }
      }),
      // If the disk is full or damaged, a known device may still read stored lines, unless another server may have it.
      Effect.catchAll((error) =>
        accounts.store.sharing !== undefined
          ? Effect.fail(error)
          : Effect.flatMap(accounts.store.accounts.devices(account.id), (known) =>
              known.some(({ name }) => name === device) ? Effect.succeed(proven) : Effect.fail(error)
            )
      )
    )
    return claim.isSendOnly ? decided : accounts.takeover.during(id, decided, () => accounts.departures.add(id))
  })
