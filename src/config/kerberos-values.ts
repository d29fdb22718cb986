/** The kinds of values that Kerberos has in smb.conf and ksmbd.conf. */
import { absolutePath, choice, text, type ValueType } from './value-types.ts';

/** Samba's words. 'secrets only' is a keytab that only Samba has. */
export const kerberosMethod = choice<'none' | 'dedicated' | 'system'>([
  ['secrets only', 'none'],
  ['default', 'none'],
  ['dedicated keytab', 'dedicated'],
  ['system keytab', 'system'],
  ['secrets and keytab', 'system'],
]);

/** A file; both libraries put its kind before it. */
export const keytab: ValueType<string> = {
  expects: 'an absolute path, with FILE: before it or without',
  parse: (raw) => absolutePath.parse(raw.replace(/^FILE:/i, '')),
  print: absolutePath.print,
};

export const serviceName = text({
  minimumBytes: 1,
  maximumBytes: 512,
  form: /^[^\s/@]+(\/[^\s/@]+(@[^\s/@]+)?)?$/,
  expects: 'a service (cifs) or a principal (cifs/host.example.com)',
});
