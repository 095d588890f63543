import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { Page, Stage } from "../model/Page.js"

/** The form for the login. */
export const LoginView = ({
  page,
  stage
}: {
  readonly page: Page
  readonly stage: Extract<Stage, { readonly _tag: "Login" }>
}) => {
  const name = useSignal(stage.name)
  const password = useSignal("")
  const isNew = useSignal(false)
  const field = useRef<HTMLInputElement>(null)
  const secret = useRef<HTMLInputElement>(null)
  const server = page.server.value
  // Until the server has said otherwise. What it does not have leaves its place empty, because users press in the wrong
  // place if parts of the form move.
  const hasAccounts = server === undefined || server.accounts !== undefined
  const hasGuests = server?.accounts !== "required"
  const isOpen = server?.accounts === "open"

  useEffect(() => {
    if (!stage.isBusy) (stage.needsPassword && hasAccounts ? secret : field).current?.focus()
  }, [stage])

  const submit = (event: Event) => {
    event.preventDefault()
    if (stage.isBusy) return
    void page.logIn({ name: name.value, password: hasAccounts ? password.value : "", isNew: isNew.value && isOpen })
  }

  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1 class="brand">
          <img src="/icon.svg" alt="" width="40" height="40" />
          a-chat
        </h1>
        <p class="quiet">{hasGuests ? "Choose a name, and you are in." : "This server is for accounts."}</p>
        <label>
          <span>Name</span>
          <input
            ref={field}
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            maxLength={128}
            required
            value={name}
            onInput={({ currentTarget }) => (name.value = currentTarget.value)}
          />
        </label>
        <div class="place">
          {!hasAccounts && <p class="quiet">No accounts here: everybody is a guest.</p>}
          <label class={hasAccounts ? "" : "absent"}>
            <span>
              Password {hasGuests && !isNew.value && <span class="quiet">– only for an account</span>}
              {isNew.value && <span class="quiet">– 8 characters or more</span>}
            </span>
            <input
              ref={secret}
              name="password"
              type="password"
              autocomplete={isNew.value ? "new-password" : "current-password"}
              minLength={isNew.value ? 8 : undefined}
              required={isNew.value || !hasGuests}
              disabled={!hasAccounts}
              value={password}
              onInput={({ currentTarget }) => (password.value = currentTarget.value)}
            />
          </label>
        </div>
        <label class={isOpen && hasGuests ? "check" : "check absent"}>
          <input
            type="checkbox"
            checked={isNew}
            onChange={({ currentTarget }) => (isNew.value = currentTarget.checked)}
          />
          <span>Register this name</span>
        </label>
        <p class="trouble" role="alert">
          {stage.why}
        </p>
        <button class="primary" type="submit" disabled={stage.isBusy}>
          {stage.isBusy
            ? "Logging in…"
            : isNew.value
              ? "Create the account"
              : (password.value === "" || !hasAccounts) && hasGuests
                ? "Enter as a guest"
                : "Log in"}
        </button>
      </form>
    </main>
  )
}
