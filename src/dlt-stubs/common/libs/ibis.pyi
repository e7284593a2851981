import ibis as ibis
