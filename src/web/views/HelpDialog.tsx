import * as Typed from "../model/Typed.js"
import { Dialog } from "./Dialog.js"

const keys: ReadonlyArray<readonly [keys: string, about: string]> = [
  ["Enter", "sends; Shift+Enter begins a new line"],
  ["Tab", "completes a name or a command"],
  ["Ctrl+K", "goes to a conversation"],
  ["Ctrl+F", "searches"],
  ["Alt+↑, Alt+↓", "the conversation before or after; with Shift, the next unread one"],
  ["PageUp, PageDown", "scrolls while you write"],
  ["Esc", "closes what is open, and goes to the end"]
]

const List = ({ rows }: { readonly rows: ReadonlyArray<readonly [string, string]> }) => (
  <dl>
    {rows.map(([term, about]) => (
      <div key={term}>
        <dt>
          <kbd>{term}</kbd>
        </dt>
        <dd>{about}</dd>
      </div>
    ))}
  </dl>
)

export const HelpDialog = ({ close }: { readonly close: () => void }) => (
  <Dialog title="Help" close={close}>
    <div class="help">
      <p>
        A message is <b>…</b> until the server has it, <b>✓</b> once it is stored or written, and <b>✓✓</b> once it was
        received. A line that cannot be delivered comes back as <b>✗</b> with the reason. What you write while you are
        cut off is kept, and sent later.
      </p>
      <h3>Commands</h3>
      <List rows={Typed.commands} />
      <h3>Keys</h3>
      <List rows={keys} />
    </div>
  </Dialog>
)
