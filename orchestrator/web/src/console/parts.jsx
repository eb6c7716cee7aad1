// SPDX-License-Identifier: Apache-2.0
//
// Small things that several views show.
import { loadOf, percent } from './format.js';

export const State = ({ node }) => (
  <span className={`state ${node.state}`}>
    {node.state}
    {node.suspect && node.state !== 'gone' ? ', suspect' : ''}
  </span>
);

/** Heat: how full, as a bar beside its number. */
export function Load({ of }) {
  const ratio = loadOf(of);
  const level = ratio >= 0.95 ? 'full' : ratio >= 0.8 ? 'warm' : '';
  return (
    <span className="load">
      <span className={`bar ${level}`} aria-hidden="true">
        <span style={{ inlineSize: `${100 * Math.min(ratio, 1)}%` }} />
      </span>
      {percent(ratio)}
    </span>
  );
}

export const Card = ({ title, aside, className = '', children }) => (
  <section className={`card ${className}`} aria-label={title}>
    <header>
      <h2>{title}</h2>
      {aside}
    </header>
    {children}
  </section>
);

/** A wide table scrolls in itself, also with the keyboard. */
export const Table = ({ label, head, children }) => (
  <div className="scroll" role="group" aria-label={label} tabIndex={0}>
    <table>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
