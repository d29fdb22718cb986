"""Calls of impacket's interfaces, one line each: ok or FAIL, its name, and why. See impacket.ts."""
import sys

from impacket.dcerpc.v5 import transport, lsad, lsat, rrp, samr, srvs, wkst
from impacket.dcerpc.v5.dtypes import NULL, MAXIMUM_ALLOWED
host, port, user, pw, share = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
def bind(pipe, uuid):
    t = transport.SMBTransport(host, port, pipe, username=user, password=pw)
    d = t.get_dce_rpc(); d.connect(); d.bind(uuid); return d
def call(name, f):
    try:
        r = f(); print('ok', name); return r
    except Exception as e:
        print('FAIL %s: %s %s' % (name, type(e).__name__, str(e)[:150].replace('\n', ' '))); return None
d = bind(r'\srvsvc', srvs.MSRPC_UUID_SRVS)
for l in (0,1,2,501,502,503): call('NetrShareEnum %d'%l, lambda: srvs.hNetrShareEnum(d, l))
for l in (0,1,2,501,502,503,1004,1005,1006,1501): call('NetrShareGetInfo %d'%l, lambda: srvs.hNetrShareGetInfo(d, share + '\0', l))
for l in (0,1,2,10,502): call('NetrSessionEnum %d'%l, lambda: srvs.hNetrSessionEnum(d, NULL, NULL, l))
for l in (2,3): call('NetrFileEnum %d'%l, lambda: srvs.hNetrFileEnum(d, NULL, NULL, l))
for l in (0,1): call('NetrConnectionEnum %d'%l, lambda: srvs.hNetrConnectionEnum(d, 'IPC$\0', l))
call('NetrRemoteTOD', lambda: srvs.hNetrRemoteTOD(d))
for l in (100,101,102,103,502,503): call('NetrServerGetInfo %d'%l, lambda: srvs.hNetrServerGetInfo(d, l))
call('NetrServerDiskEnum', lambda: srvs.hNetrServerDiskEnum(d, 0))
call('NetrServerStatisticsGet', lambda: srvs.hNetrServerStatisticsGet(d, NULL, 0, 0))
call('NetrServerTransportEnum', lambda: srvs.hNetrServerTransportEnum(d, 0))
call('NetprNameValidate', lambda: srvs.hNetprNameValidate(d, 'abc\0', 9))
call('NetprNameCanonicalize', lambda: srvs.hNetprNameCanonicalize(d, 'abc\0', 9))
call('NetprPathType', lambda: srvs.hNetprPathType(d, 'c:\\x\0', 0))
call('NetprPathCanonicalize', lambda: srvs.hNetprPathCanonicalize(d, 'c:\\x\\..\\y\0', '\0'))
call('NetrpGetFileSecurity', lambda: srvs.hNetrpGetFileSecurity(d, share + '\0', '\\\0', 7))
w = bind(r'\wkssvc', wkst.MSRPC_UUID_WKST)
for l in (100,101,102,502): call('NetrWkstaGetInfo %d'%l, lambda: wkst.hNetrWkstaGetInfo(w, l))
for l in (0,1): call('NetrWkstaUserEnum %d'%l, lambda: wkst.hNetrWkstaUserEnum(w, l))
call('NetrWkstaTransportEnum', lambda: wkst.hNetrWkstaTransportEnum(w, 0))
call('NetrGetJoinInformation', lambda: wkst.hNetrGetJoinInformation(w, '\0'))
call('NetrEnumerateComputerNames', lambda: wkst.hNetrEnumerateComputerNames(w, 2))
call('NetrWorkstationStatisticsGet', lambda: wkst.hNetrWorkstationStatisticsGet(w, '\0', 0, 0))
s = bind(r'\samr', samr.MSRPC_UUID_SAMR)
for n in ('SamrConnect','SamrConnect2','SamrConnect4','SamrConnect5'): call(n, lambda: getattr(samr, 'h'+n)(s))
h = samr.hSamrConnect(s)['ServerHandle']
doms = call('EnumDomains', lambda: samr.hSamrEnumerateDomainsInSamServer(s, h))
names = [x['Name'] for x in doms['Buffer']['Buffer']]
for n in names:
    sid = call('LookupDomain '+n, lambda: samr.hSamrLookupDomainInSamServer(s, h, n))['DomainId']
    dh = call('OpenDomain '+n, lambda: samr.hSamrOpenDomain(s, h, domainId=sid))['DomainHandle']
    us = call('EnumUsers', lambda: samr.hSamrEnumerateUsersInDomain(s, dh))
    gs = call('EnumGroups', lambda: samr.hSamrEnumerateGroupsInDomain(s, dh))
    al = call('EnumAliases', lambda: samr.hSamrEnumerateAliasesInDomain(s, dh))
    for i in (1,2,3,4,5,6,7,8,9,11,12,13): call('QueryInformationDomain %d'%i, lambda: samr.hSamrQueryInformationDomain2(s, dh, i))
    for c in (1,2,3,4,5): call('QueryDisplayInformation %d'%c, lambda: samr.hSamrQueryDisplayInformation(s, dh, c))
    call('QuerySecurityObject', lambda: samr.hSamrQuerySecurityObject(s, dh, 7))
    for u in us['Buffer']['Buffer'][:2]:
        uh = call('OpenUser', lambda: samr.hSamrOpenUser(s, dh, userId=u['RelativeId']))['UserHandle']
        for i in (1,2,3,4,5,6,7,8,9,10,11,12,13,14,16,17,20,21): call('QueryInformationUser %d'%i, lambda: samr.hSamrQueryInformationUser2(s, uh, i))
        call('GetGroupsForUser', lambda: samr.hSamrGetGroupsForUser(s, uh))
        call('GetUserDomainPasswordInformation', lambda: samr.hSamrGetUserDomainPasswordInformation(s, uh))
        call('QuerySecurityObject user', lambda: samr.hSamrQuerySecurityObject(s, uh, 7))
    for g in gs['Buffer']['Buffer'][:1]:
        gh = call('OpenGroup', lambda: samr.hSamrOpenGroup(s, dh, groupId=g['RelativeId']))['GroupHandle']
        for i in (1,2,3,4,5): call('QueryInformationGroup %d'%i, lambda: samr.hSamrQueryInformationGroup(s, gh, i))
        call('GetMembersInGroup', lambda: samr.hSamrGetMembersInGroup(s, gh))
    for a in al['Buffer']['Buffer'][:2]:
        ah = call('OpenAlias', lambda: samr.hSamrOpenAlias(s, dh, aliasId=a['RelativeId']))['AliasHandle']
        for i in (1,2,3): call('QueryInformationAlias %d'%i, lambda: samr.hSamrQueryInformationAlias(s, ah, i))
        call('GetMembersInAlias', lambda: samr.hSamrGetMembersInAlias(s, ah))
    call('RidToSid', lambda: samr.hSamrRidToSid(s, dh, 500))
    call('LookupIds', lambda: samr.hSamrLookupIdsInDomain(s, dh, [us['Buffer']['Buffer'][0]['RelativeId']] if len(us['Buffer']['Buffer']) else [544]))
    call('GetAliasMembership', lambda: samr.hSamrGetAliasMembership(s, dh, [sid]))
call('GetDomainPasswordInformation', lambda: samr.hSamrGetDomainPasswordInformation(s))
l = bind(r'\lsarpc', lsat.MSRPC_UUID_LSAT)
ph = call('LsarOpenPolicy2', lambda: lsad.hLsarOpenPolicy2(l, MAXIMUM_ALLOWED | lsat.POLICY_LOOKUP_NAMES))['PolicyHandle']
call('LsarOpenPolicy', lambda: lsad.hLsarOpenPolicy(l))
call('LsarGetUserName', lambda: lsat.hLsarGetUserName(l))
for n in ('LsarLookupNames','LsarLookupNames2','LsarLookupNames3'): call(n, lambda: getattr(lsat,'h'+n)(l, ph, (user, 'Administrators')))
call('LsarLookupNames4', lambda: lsat.hLsarLookupNames4(l, (user,)))
call('LsarLookupSids', lambda: lsat.hLsarLookupSids(l, ph, ('S-1-1-0','S-1-5-32-544')))
call('LsarLookupSids2', lambda: lsat.hLsarLookupSids2(l, ph, ('S-1-1-0','S-1-5-32-544')))
for i in (1,2,3,4,5,6,7,8,9,10,11,12,13): call('QueryInformationPolicy2 %d'%i, lambda: lsad.hLsarQueryInformationPolicy2(l, ph, i))
call('EnumerateAccounts', lambda: lsad.hLsarEnumerateAccounts(l, ph))
call('EnumeratePrivileges', lambda: lsad.hLsarEnumeratePrivileges(l, ph))
call('EnumerateAccountsWithUserRight', lambda: lsad.hLsarEnumerateAccountsWithUserRight(l, ph, 'SeBackupPrivilege'))
call('AddAccountRights', lambda: lsad.hLsarAddAccountRights(l, ph, 'S-1-5-21-1-2-3-4', ('SeBackupPrivilege',)))
call('EnumerateAccountRights', lambda: lsad.hLsarEnumerateAccountRights(l, ph, 'S-1-5-21-1-2-3-4'))
call('RemoveAccountRights', lambda: lsad.hLsarRemoveAccountRights(l, ph, 'S-1-5-21-1-2-3-4', ('SeBackupPrivilege',)))
ah = call('CreateAccount', lambda: lsad.hLsarCreateAccount(l, ph, 'S-1-5-21-1-2-3-5'))
if ah: call('DeleteObject', lambda: lsad.hLsarDeleteObject(l, ah['AccountHandle']))
sh = call('CreateSecret', lambda: lsad.hLsarCreateSecret(l, ph, 'MYSECRET'))
if sh: call('DeleteObject', lambda: lsad.hLsarDeleteObject(l, sh['SecretHandle']))
call('LookupPrivilegeValue', lambda: lsad.hLsarLookupPrivilegeValue(l, ph, 'SeBackupPrivilege'))
call('QuerySecurityObject', lambda: lsad.hLsarQuerySecurityObject(l, ph, 7))
call('EnumerateTrustedDomainsEx', lambda: lsad.hLsarEnumerateTrustedDomainsEx(l, ph))
call('EnumerateTrustedDomains', lambda: lsad.hLsarEnumerateTrustedDomains(l, ph))
r = bind(r'\winreg', rrp.MSRPC_UUID_RRP)
for n in ('OpenClassesRoot','OpenCurrentUser','OpenLocalMachine','OpenUsers','OpenCurrentConfig','OpenPerformanceData'): call(n, lambda: getattr(rrp,'h'+n)(r))
hk = rrp.hOpenLocalMachine(r)['phKey']
call('EnumKey', lambda: rrp.hBaseRegEnumKey(r, hk, 0))
k = call('OpenKey', lambda: rrp.hBaseRegOpenKey(r, hk, 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\0'))
if k:
    k = k['phkResult']
    call('QueryInfoKey', lambda: rrp.hBaseRegQueryInfoKey(r, k))
    call('QueryValue', lambda: rrp.hBaseRegQueryValue(r, k, 'ProductName\0'))
    call('EnumValue', lambda: rrp.hBaseRegEnumValue(r, k, 0))
    call('GetKeySecurity', lambda: rrp.hBaseRegGetKeySecurity(r, k, 7))
    call('GetVersion', lambda: rrp.hBaseRegGetVersion(r, k))
    call('FlushKey', lambda: rrp.hBaseRegFlushKey(r, k))
    call('QueryMultipleValues', lambda: rrp.hBaseRegQueryMultipleValues(r, k, [{'ValueName':'ProductName\0','ValueType':1}]))
n = call('CreateKey', lambda: rrp.hBaseRegCreateKey(r, hk, 'SOFTWARE\\Test\0'))
if n:
    n = n['phkResult']
    call('SetValue', lambda: rrp.hBaseRegSetValue(r, n, 'one\0', rrp.REG_SZ, 'text\0'))
    call('DeleteValue', lambda: rrp.hBaseRegDeleteValue(r, n, 'one\0'))
    call('DeleteKey', lambda: rrp.hBaseRegDeleteKey(r, hk, 'SOFTWARE\\Test\0'))
