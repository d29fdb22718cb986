/** What the audit log is to tell of. */
import { AUDIT_EVENTS, type AuditEvent } from '../base/audit-log.ts';
import { type ValueType, words } from './value-types.ts';

export const auditEvents: ValueType<readonly AuditEvent[]> = {
  expects: `a list of ${AUDIT_EVENTS.join(', ')}`,
  parse(raw) {
    const given = words.parse(raw.toLowerCase());
    const known = AUDIT_EVENTS.filter((event) => given?.includes(event));
    return given !== undefined && known.length === new Set(given).size ? known : undefined;
  },
  print: (events) => events.join(', '),
};
