import type { PageUser } from "../model/PageUser.js"
import type { Page } from "../model/Page.js"
import { NameText } from "./NameText.js"

/** What a tab shows while another one has the connection. */
export const ElsewhereView = ({ identity, page }: { readonly page: Page; readonly identity: PageUser }) => (
  <main class="login">
    <div class="card">
      <h1 class="brand">Open in another tab</h1>
      <p>
        <NameText name={identity.name} /> is connected in another tab of this browser. Only one tab at a time is.
      </p>
      <div class="buttons">
        <button class="primary" type="button" onClick={() => void page.continueHere(identity)}>
          Continue here
        </button>
        <button type="button" onClick={() => page.showLogin("")}>
          Use another name
        </button>
      </div>
    </div>
  </main>
)
