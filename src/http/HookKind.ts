/** The senders of webhooks that a server knows; `custom` is any other. */
export const hookKindNames = ["github", "gitlab", "grafana", "alertmanager", "custom"] as const

export type HookKind = (typeof hookKindNames)[number]

/** How a sender proves that it is one: it sends the secret, or signs the body with it. */
export const proofs = ["secret", "signature"] as const

export type HookProof = (typeof proofs)[number]
