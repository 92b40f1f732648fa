// What pages gain where scripts run: copy buttons, tabs, and a form that does not lose its place. Nothing depends on it, and it
// writes text and attributes only, never markup.
'use strict';

const announcer = document.getElementById('announcer');

function announce(message) {
  if (!announcer) return;
  announcer.textContent = '';
  // A frame later, so that the same words are announced twice where they are said twice.
  requestAnimationFrame(() => { announcer.textContent = message; });
}

// The text of a document: its lines, without the reasons beside them.
function textOf(holder) {
  const parts = holder.querySelectorAll('[data-code]');
  if (parts.length === 0) return holder.textContent;
  return Array.from(parts, (part) => part.textContent).join('');
}

function select(holder) {
  const range = document.createRange();
  range.selectNodeContents(holder);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(button) {
  const holder = document.getElementById(button.dataset.copy);
  const label = button.querySelector('[data-label]') ?? button;
  button.dataset.text ??= label.textContent;
  try {
    await navigator.clipboard.writeText(textOf(holder));
    label.textContent = 'Copied';
    button.dataset.state = 'done';
    announce(`${button.dataset.what ?? 'Text'} copied`);
  } catch {
    // No permission, or no secure context: the lines are selected instead (the reasons are not selectable).
    select(holder);
    label.textContent = 'Press Ctrl+C';
    button.dataset.state = 'failed';
    announce('Copying is not allowed here. The text is selected: press Control C, or Command C.');
  }
  clearTimeout(button.timer);
  button.timer = setTimeout(() => {
    label.textContent = button.dataset.text;
    delete button.dataset.state;
  }, 2500);
}

for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', () => copy(button));
}

// Links to sections become tabs (WAI-ARIA Authoring Practices, "Tabs with automatic activation").
for (const list of document.querySelectorAll('[data-tabs]')) {
  const tabs = Array.from(list.querySelectorAll('a'));
  const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));

  const show = (chosen, focus) => {
    tabs.forEach((tab, index) => {
      const on = tab === chosen;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      // What is hidden until found opens when the browser's search finds something in it.
      if (on) panels[index].removeAttribute('hidden');
      else panels[index].setAttribute('hidden', 'until-found');
    });
    if (focus) chosen.focus();
  };

  list.setAttribute('role', 'tablist');
  list.setAttribute('aria-label', list.dataset.tabs);
  for (const item of list.children) item.setAttribute('role', 'presentation');
  tabs.forEach((tab, index) => {
    const panel = panels[index];
    tab.setAttribute('role', 'tab');
    tab.id ||= `${panel.id}-tab`;
    tab.setAttribute('aria-controls', panel.id);
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab.id);
    panel.tabIndex = 0;
    panel.addEventListener('beforematch', () => show(tab, false));
    tab.addEventListener('click', (event) => {
      event.preventDefault();
      history.replaceState(null, '', tab.hash);
      show(tab, false);
    });
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(tabs[(to + tabs.length) % tabs.length], true);
    });
  });
  const asked = () => tabs.find((tab) => tab.hash === location.hash);
  show(asked() ?? tabs[0], false);
  addEventListener('hashchange', () => { if (asked()) show(asked(), false); });
}

// Faults and findings come first: whoever sent the form hears of them.
document.querySelector('[data-focus]')?.focus();

// What was left empty is not asked for: addresses stay short enough to be sent to a colleague.
for (const form of document.querySelectorAll('form[method="get"]')) {
  form.addEventListener('formdata', (event) => {
    for (const [name, value] of Array.from(event.formData)) if (value === '') event.formData.delete(name);
  });
}

// A form that is sent twice by an impatient hand is sent once.
for (const form of document.querySelectorAll('form[data-once]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
  });
}
// A page that comes back from the browser's memory may be sent again.
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-once]')) delete form.dataset.sent;
});
